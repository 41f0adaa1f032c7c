"""Judgement without I/O: prompts, verdicts, decisions, permission rules, shell commands.

May import ``domain`` and ``settings``; touches no file, process, network or loop. The engine asks
``permissions.judge`` before a tool runs and ``decision`` after an attempt; tables test them.
"""
