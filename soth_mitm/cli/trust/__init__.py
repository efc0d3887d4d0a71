"""`soth-mitm ca install|uninstall`: the CA in the trust stores of the system and of browsers.

`certs` names what is installed, `place` where, `stores` plans the steps, and `steps` carries them out
and accounts for each. A plan touches nothing; `--dry-run` prints it.
"""
