"""The few protocols by which the engine knows the outside: hosts, agents, git, checks, faces.

Concrete classes live in the rooms of floors 1 and 2; only ``bootstrap`` names them.
"""
