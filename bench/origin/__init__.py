"""The origins: nginx where it is installed, and a small one of our own."""
