"""What a person decided beforehand: which connections to intercept, which rows to see.

Pure judgement over values: `decision` says what is done with a connection, `filters` which rows
match. Nothing here does input or output, reads a clock or changes what it judges.
"""
