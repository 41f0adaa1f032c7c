"""The words of the trade: values, tasks, events, commands, ports, errors.

No I/O and no third-party library lives here; every other room imports it.
"""
