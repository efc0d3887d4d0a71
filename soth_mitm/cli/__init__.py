"""The commands. `main` is the entry point; each command has a module, imported only when it runs.

Only here is the app imported, and only by the commands that open it. `--version` and `--help` load
nothing but the argument parser.
"""
