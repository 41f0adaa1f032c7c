"""A task's checks, really run: the command of the plan, in the workspace, behind a runner.

May import ``domain`` only; processes come from a host through its port. Called by ``engine``
through the port ``Checker``, built by ``bootstrap``.
"""
