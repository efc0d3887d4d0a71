"""The speed and memory lanes: `python -m bench`, or `make bench`.

Here live the lanes (`lanes`), the origins they talk to (`origin`), the clients that make the load
(`clients`), and what starts, measures and reports. Nothing of the product may import from here, and a
lane sees the product as a user does: through its command line. Only `lanes/inside.py` looks inside.
"""
