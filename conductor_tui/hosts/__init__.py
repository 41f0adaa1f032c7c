"""Where processes run: start a program behind its runner, attach to one, run a short command.

``runner`` is the small program beside every agent and check; it imports nothing of this package.
``local`` is this machine. Called by ``agents``, ``checks`` and ``workspace`` through the ports;
built by ``bootstrap``. May import ``domain`` only.
"""
