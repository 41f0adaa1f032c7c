"""Git and the files of a task: kept apart while agents work, brought together when accepted.

Imports only ``domain``; git runs through the host's port. Called by ``engine`` through the
``Workspaces`` port, put together by ``bootstrap``. The agent owns ``<workspace>/.git``, so nothing
here ever lets git read it: every command has the user's repository as its GIT_DIR, the workspace
as its work tree, and an index of our own (:mod:`conductor_tui.workspace.git`).
"""
