"""The messages of one flow as a list and one by one: what is shown of them, and in which words."""
