"""Judgement without I/O: prompts, decisions, permission rules, shell commands taken apart.

May import ``domain`` and ``settings``; touches no file, process, network or loop. The engine asks
``permissions.judge`` before a tool runs and ``decision`` after an attempt; tables test them.
"""
