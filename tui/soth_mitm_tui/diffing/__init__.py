"""Showing differences: what is compared (`sources`), and how it is laid out for a width (`layout`)."""
