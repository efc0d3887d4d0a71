"""Desks carry out what takes more than one pane: each a small controller with a table of deeds.

A desk knows the app and reaches the panes through `app.main`; it draws nothing. `App.perform` looks
an action up here first, then in the pane's widget. Here may be no widget and no screen of its own.
"""
