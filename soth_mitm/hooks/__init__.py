"""The handler API: what a program that embeds the proxy may see and decide.

`handler` holds the class to derive from, `messages` the views its hooks are given, `decisions` what
they may return. Hooks are only called when they are overridden, and a hook that does not ask for a
body never causes one to be held back.
"""
