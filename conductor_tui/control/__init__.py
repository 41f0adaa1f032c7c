"""The door to a conductor from other processes: a socket while one runs, the state when none does.

Faces that live elsewhere (the command line, later a server) come in here and nowhere else.
"""
