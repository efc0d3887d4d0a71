"""`soth-mitm replay`: the requests of a dump sent again, and their answers compared."""
