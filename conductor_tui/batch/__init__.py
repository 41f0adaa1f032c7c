"""The headless face: follows the same events as the app, prints them, ends with an exit code.

It may not load textual or rich; a test looks at what it really loads.
"""
