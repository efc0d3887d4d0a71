"""Which program opened a connection from this machine: asked after accept, answered beside the traffic.

`ends` says whom to look for, `linux` and `elsewhere` find the process, `naming` finds the name a person
knows it by, `programs` keeps what was found, `lookup` asks in a thread and tells the connection.
"""
