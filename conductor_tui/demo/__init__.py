"""A sample repository on which the whole loop can be seen, and what to look at afterwards.

The files lie in `sample/` as they will stand (a trailing `.txt` keeps the tools that check our own
code away from theirs). On the floor of the faces: it may import `domain` and `settings`; called by
`bootstrap` only.
"""

from conductor_tui.demo.sample import Sample, create_sample
from conductor_tui.demo.words import farewell, greeting

__all__ = ["Sample", "create_sample", "farewell", "greeting"]
