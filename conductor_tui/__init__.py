"""conductor: a control room in the terminal for AI coding agents."""

__version__ = "0.1.0"
