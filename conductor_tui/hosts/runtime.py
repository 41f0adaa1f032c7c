"""The short private folder for sockets, whose paths are limited to about 100 bytes."""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
from pathlib import Path

from conductor_tui.domain.errors import HostError

LONGEST = 100
"""Bytes of a socket's path: 104 on macOS, 108 on Linux, with the closing zero."""


def socket_path() -> str:
    """Return a fresh path for a socket in the user's private runtime folder, which is made.

    Raises:
        HostError: the folder cannot be made, or is open to others.
    """
    name = f"{secrets.token_hex(6)}.sock"
    for folder in _candidates():
        if len(os.fsencode(folder / name)) <= LONGEST:
            _make_private(folder)
            return str(folder / name)
    raise HostError("no folder for sockets has a path short enough", "set XDG_RUNTIME_DIR")


def _candidates() -> list[Path]:
    found = []
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    # The variable of another user's session survives sudo: only a folder of our own counts.
    if os.path.isdir(runtime) and os.stat(runtime).st_uid == os.getuid():
        found.append(Path(runtime).absolute() / "conductor")
    return [*found, Path(tempfile.gettempdir()).absolute() / f"conductor-{os.getuid()}"]


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
    except OSError as error:
        raise HostError(f"cannot make the runtime folder {folder}: {error.strerror}") from error
    private = stat.S_ISDIR(state.st_mode) and not stat.S_IMODE(state.st_mode) & 0o077
    if not private or state.st_uid != os.getuid():
        raise HostError(
            f"the runtime folder {folder} is open to other users or belongs to one",
            f"remove it, or `chmod 700 {folder}`, or set XDG_RUNTIME_DIR",
        )
