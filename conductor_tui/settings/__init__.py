"""What a user writes: conductor.yaml, plan files, permission rules; checked and made into values.

May import ``domain`` only. Files are read by ``plan.read_plan`` and ``loading`` alone,
once, before anything starts; the rest works on text. Called by cli and bootstrap.
"""
