"""What is known of runs, on disk and in memory, behind one door: :class:`StateManager`.

manager.py is the door; writer.py groups commits; journal.py is SQLite; snapshot.py folds events
(runs.py, tasks.py, attempts.py, breakpoints.py); rows.py turns pictures into rows and back.
Imports the domain only; the engine, the faces and bootstrap call it.
"""
