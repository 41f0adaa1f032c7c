"""The panes of the terminal app and what they are made of.

A widget knows the words of the trade and what its screen binds to it; it posts messages and
touches neither state, engine nor disk. Text of agents reaches the terminal only through ``plain``.
Screens put widgets together; nothing below this floor knows Textual.
"""
