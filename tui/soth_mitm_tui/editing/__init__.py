"""The editor: views of one message (`policy.editing.sheet`), and where what comes of it goes."""
