"""The screens of the terminal app: they follow the feed, and send commands down the sink.

``actions`` is the one table of keys, palette entries and help; ``dashboard`` is the control room;
``flows`` asks what a command still needs. Only ``app`` and ``bootstrap`` build screens.
"""
