"""The checks of `soth-mitm doctor`: what surrounds the proxy, and real requests through one.

A check never raises: what goes wrong in one is what it has found. Nothing here changes anything but
that a CA is made where there is none, as a first start does.
"""
