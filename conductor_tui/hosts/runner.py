"""The small program beside every agent and check: it owns the program's whole process tree.

Stands alone (standard library, Python >= 3.8), so that it can be sent as text to any host.
Its starter writes one line of JSON to its standard input (see ``main``) and reads one line from
its standard output: ``{"ready": {...}}`` or ``{"error": "why"}``. Its spool keeps ``stdout`` and
``stderr`` (a byte offset is a resume point), ``runner.json`` (who runs), ``exit.json`` (how it
ended) and ``runner.log`` (not empty only if this program breaks).

On ``socket`` each request is one line of JSON: ``attach`` ``{"out": N, "err": M}`` is answered
by frames ``{"s", "off", "n"}`` + n bytes from these offsets on (a stream not named is not sent)
and a last ``{"exit": {...}}``; ``input`` ``{"n"}`` + n bytes, ``eof``, ``signal`` ``{"number"}``,
``end`` and ``lease`` are answered by ``{"ok": true}`` or ``{"ok": false, "error"}``.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

LINUX = sys.platform.startswith("linux")
PDEATHSIG, SUBREAPER = 1, 36  # <linux/prctl.h>
prctl = getattr(ctypes.CDLL(None), "prctl", lambda *_: 0)  # only Linux has it
FRAME = 1 << 18  # bytes of a stream sent at once
REQUEST = 1 << 20  # clients send larger inputs in pieces
TICK_S = 0.03  # how often a tree that is being ended is looked over again
LEFTOVER_S = 0.4  # what a program leaves behind has so long between SIGTERM and SIGKILL
KILLED_S = 1.0  # what SIGKILL has not ended by then is stuck in the kernel
LINGER_S = 2.0  # a client that takes nothing for so long reads the rest from the spool
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def publish(path: str, value: dict[str, object], temporary: str) -> None:
    """Write JSON so that the file is there whole or not at all: write, sync, rename."""
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(json.dumps(value).encode())
        file.truncate()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def stat(pid: object) -> list[bytes]:
    """Return /proc/PID/stat from the state on; empty where there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rsplit(b")", 1)[1].split()
    except (OSError, IndexError):
        return []


class Tree:
    """The program and everything it ever started."""

    def __init__(self, argv: list[str], cwd: str, env: dict[str, str]) -> None:
        runner = os.getpid()

        def prepare() -> None:
            prctl(PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != runner:
                os._exit(127)

        self.code: int | None = None
        (stdin, self.stdin), (out, stdout), (err, stderr) = (os.pipe() for _ in range(3))
        self.program = subprocess.Popen(
            argv, 0, None, stdin, stdout, stderr, prepare, cwd=cwd, env=env, start_new_session=True
        )
        self.pid, self.outputs = self.program.pid, {"out": out, "err": err}
        for ours, theirs in ((self.stdin, stdin), (out, stdout), (err, stderr)):
            os.set_blocking(ours, False)
            os.close(theirs)

    def reap(self) -> bool:
        """Take in every dead child; return whether nothing of the tree is left."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return False
                if pid == self.pid:
                    killed = os.WIFSIGNALED(status)
                    self.code = 128 + os.WTERMSIG(status) if killed else os.WEXITSTATUS(status)
        return True  # orphans come to us, so no child means no descendant

    def members(self) -> list[int]:
        """Return the ids of all living processes of the tree, orphans too; none but on Linux."""
        names = os.listdir("/proc") if LINUX else []
        rows = [(int(name), stat(name)) for name in names if name.isdigit()]
        found: set[int] = set()
        todo = {os.getpid()}
        while todo:
            todo = {pid for pid, f in rows if f and f[0] not in (b"Z", b"X") and int(f[1]) in todo}
            found |= todo
        return sorted(found)

    def signal(self, number: int, everyone: bool = True) -> None:
        """Send a signal to the program's group, as a terminal does, or to the whole tree."""
        for pid in [-self.pid, *(self.members() if everyone else [])]:
            with contextlib.suppress(OSError):  # gone meanwhile, or not ours to signal
                os.kill(pid, number)


class Spool:
    """The folder that keeps what the program wrote, and how it ended."""

    def __init__(self, folder: str) -> None:
        os.makedirs(folder, 0o700, exist_ok=True)
        if os.path.exists(f"{folder}/runner.json"):
            raise OSError(f"spool {folder!r} belongs to another program")
        flags, names = os.O_RDWR | os.O_APPEND | os.O_CREAT, {"out": "stdout", "err": "stderr"}
        self.files = {s: os.open(f"{folder}/{n}", flags, 0o600) for s, n in names.items()}
        self.sizes = {stream: os.fstat(fd).st_size for stream, fd in self.files.items()}
        self.folder, self.reserve = folder, f"{folder}/exit.reserve"
        with os.fdopen(os.open(self.reserve, flags, 0o600), "wb") as file:
            file.write(b" " * 4096)  # so that exit.json has room on a full disk

    def keep(self, stream: str, data: bytes) -> None:
        """Append bytes; those that could be written count even if OSError follows."""
        view = memoryview(data)
        while view:
            count = os.write(self.files[stream], view)
            self.sizes[stream] += count
            view = view[count:]


class Client:
    """One connection: what it asked, and how far it has been served."""

    def __init__(self, link: socket.socket) -> None:
        link.setblocking(False)
        self.link, self.incoming, self.outgoing = link, b"", memoryview(b"")
        self.positions: dict[str, int] = {}
        self.attached = self.told_exit = self.waits = False
        self.moved = time.monotonic()

    def push(self, data: bytes = b"", **line: object) -> None:
        """Have a line, and bytes behind it, sent after what still waits to be sent."""
        self.outgoing = memoryview(bytes(self.outgoing) + json.dumps(line).encode() + b"\n" + data)

    def refill(self, spool: Spool, end: dict[str, object] | None) -> bool:
        """Take the next frame, or the last word, if need be; return whether there is any."""
        if self.outgoing or not self.attached or self.told_exit:
            return bool(self.outgoing)
        behind = {s: spool.sizes[s] - position for s, position in self.positions.items()}
        stream = max(behind, key=lambda s: behind[s], default="")
        if behind.get(stream, 0) > 0:
            offset, size = self.positions[stream], min(FRAME, behind[stream])
            data = os.pread(spool.files[stream], size, offset)
            self.push(data, s=stream, off=offset, n=len(data))
            self.positions[stream] += size
        elif end is not None:
            self.told_exit = True
            self.push(exit=end)
        return bool(self.outgoing)


class Runner:
    """The loop: moves bytes, carries out requests, ends the tree."""

    def __init__(self, spool: Spool, tree: Tree, detach: bool, grace_s: float) -> None:
        self.spool, self.tree, self.detach, self.grace_s = spool, tree, detach, grace_s
        self.clients: set[Client] = set()
        self.pending, self.input_over = b"", False
        self.rungs: list[tuple[int, float]] = []
        self.reason, self.sweeping, self.sent = "", False, 0
        self.seen, self.deadline, self.lease_s = time.monotonic(), float("inf"), float("inf")
        self.end: dict[str, object] | None = None
        self.selector = selectors.DefaultSelector()
        for stream, fd in tree.outputs.items():
            self.watch(fd, partial(self.on_output, stream))
        heard, told = os.pipe()
        os.set_blocking(told, False)
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        self.watch(heard, lambda _: self.on_signals(os.read(heard, 4096)))

    def watch(self, fd: int, call: Callable[[int], object], events: int = READ) -> None:
        """Have a function called when a file is ready; with no events, no longer."""
        if fd in self.selector.get_map():
            self.selector.unregister(fd)
        if events:
            self.selector.register(fd, events, call)

    def run(self) -> None:
        """Go on until the tree is dead and everybody attached knows all of it."""
        while self.end is None or self.clients:
            if self.end is None:
                self.advance(time.monotonic())
            for client in list(self.clients):
                self.serve(client)
            pause_s = TICK_S if self.sent or self.end else min(LINGER_S, self.lease_s)
            for key, events in self.selector.select(pause_s):
                key.data(events)

    def advance(self, now: float) -> None:
        """Take the next step of ending the tree, if one is due."""
        if not self.clients and now >= self.seen + self.lease_s:
            self.stop("lease")
        if self.tree.reap():
            self.finish([])
        elif self.tree.code is not None and not self.sweeping:
            self.sweeping = True
            self.climb((signal.SIGTERM, LEFTOVER_S), (signal.SIGKILL, KILLED_S))
        elif now >= self.deadline and self.rungs:
            self.climb(*self.rungs)
        elif now >= self.deadline:
            self.finish(self.tree.members())
        elif self.sent == signal.SIGKILL:
            self.tree.signal(signal.SIGKILL)

    def stop(self, reason: str) -> None:
        """Begin to end the tree, unless that has begun."""
        if not self.reason and not self.sweeping:
            self.reason, grace = reason, self.grace_s
            self.climb((signal.SIGINT, grace), (signal.SIGTERM, grace), (signal.SIGKILL, KILLED_S))

    def climb(self, *rungs: tuple[int, float]) -> None:
        """Send the first of these signals; the others follow, each after its seconds."""
        (self.sent, wait), self.rungs = rungs[0], list(rungs[1:])
        self.tree.signal(self.sent, everyone=self.sent != signal.SIGINT)
        self.deadline = time.monotonic() + wait

    def finish(self, left: list[int]) -> None:
        """Keep the last bytes, and say for good how it ended; ``left`` could not be killed."""
        while any(self.on_output(stream) for stream in self.tree.outputs):
            continue
        end = {"code": self.tree.code, "reason": self.reason or "exited", "left": left}
        self.end = {**end, "ended_at": time.time()}
        publish(f"{self.spool.folder}/exit.json", self.end, self.spool.reserve)
        self.seen = time.monotonic()
        self.answer("the program has ended")

    def on_signals(self, numbers: bytes) -> None:
        """End the tree when told to by a signal; that a child died only wakes the loop."""
        if any(number in numbers for number in STOPS):
            self.stop("ended")

    def on_lifeline(self, _: int) -> None:
        """End the tree when the starter is gone, unless it let go of it before."""
        line = os.read(0, FRAME)
        if not line or self.detach:
            self.selector.unregister(0)
        if not line:
            self.stop("orphaned")

    def on_output(self, stream: str, _: int = 0) -> bool:
        """Keep what the program wrote; return whether there may be more at once."""
        fd, data = self.tree.outputs[stream], b""
        if fd not in self.selector.get_map():
            return False
        try:
            data = os.read(fd, FRAME)
            self.spool.keep(stream, data)
        except BlockingIOError:
            return False
        except OSError as error:  # no byte is lost in silence: end the program, and say why
            self.stop("spool")
            self.reason, data = f"spool: {errno.errorcode.get(error.errno or 0)}", b""
        if not data:
            self.selector.unregister(fd)
        return bool(data)

    def on_client(self, client: Client, events: int) -> None:
        """Read what a client wants; while its input waits for the program, nothing more."""
        size = len(client.incoming)
        with contextlib.suppress(OSError):
            client.incoming += client.link.recv(1 << 16)
        if events & READ and not size < len(client.incoming) <= REQUEST:
            self.drop(client)

    def obey(self, client: Client) -> bool:
        """Carry out a client's next request, if it is there whole."""
        line, newline, rest = client.incoming.partition(b"\n")
        request = json.loads(line.decode()) if newline else {"n": REQUEST}
        size = max(0, int(request.get("n", 0)))
        if not newline or len(rest) < size:
            return False
        client.incoming, self.seen, op = rest[size:], time.monotonic(), request["op"]
        if op == "end":
            self.stop("ended")
        if op == "signal" and self.tree.code is None:
            os.kill(self.tree.pid, int(request["number"]))
        if op == "attach":
            client.attached = True
            client.positions = {s: int(request[s]) for s in self.spool.files if s in request}
        elif op in ("input", "eof"):
            client.waits, self.pending = True, self.pending + rest[:size]
            self.input_over |= op == "eof"
            self.feed()
        else:
            client.push(ok=True)
        return True

    def feed(self, _: int = 0) -> None:
        """Give the program as much of its input as it takes; answer when all is taken."""
        error, fd = "", self.tree.stdin
        try:
            self.watch(fd, self.feed, 0)
            while self.pending:
                self.pending = self.pending[os.write(fd, self.pending) :]
            if self.input_over:
                os.close(fd)
                self.tree.stdin = -1
        except BlockingIOError:
            return self.watch(fd, self.feed, WRITE)
        except (OSError, ValueError):
            error = "the program does not read its input any more"
        return self.answer(error)

    def answer(self, error: str) -> None:
        """Tell everybody who waits for the program's input what became of it."""
        self.pending = b""
        for client in [client for client in self.clients if client.waits]:
            client.waits = False
            client.push(ok=not error, error=error)

    def serve(self, client: Client) -> None:
        """Do what a client asks, send it its next bytes, let it go when it has all of them."""
        now = time.monotonic()
        try:
            while not client.waits and self.obey(client):
                continue
            if client.refill(self.spool, self.end):
                client.outgoing = client.outgoing[client.link.send(client.outgoing) :]
                client.moved = now
        except BlockingIOError:
            pass
        except (OSError, ValueError, LookupError, TypeError, AttributeError):  # gone, or nonsense
            return self.drop(client)
        more = client.refill(self.spool, self.end)
        if self.end and (not more or now - max(client.moved, self.seen) > LINGER_S):
            return self.drop(client)
        events = (0 if client.waits else READ) | (WRITE if more else 0)
        return self.watch(client.link.fileno(), partial(self.on_client, client), events)

    def drop(self, client: Client) -> None:
        """Forget a client."""
        self.watch(client.link.fileno(), id, 0)
        client.link.close()
        self.clients.discard(client)
        self.seen = time.monotonic()


def main() -> None:
    """Run the program of the specification on standard input to its end.

    ``{argv, cwd, env, spool, socket, detach, lease_s, grace_s, lifeline, background}``. What ends
    the tree besides: the end of standard input (``lifeline``; with ``detach`` only until one more
    line came), or ``lease_s`` without any client (neither). ``background``: fork first.
    """
    spec = json.loads(sys.stdin.buffer.readline())
    if spec["background"] and os.fork():
        os._exit(0)
    with contextlib.suppress(PermissionError):  # it leads a session already
        os.setsid()
    prctl(SUBREAPER, 1, 0, 0, 0)
    for number in (*STOPS, signal.SIGCHLD):  # which also keeps the program from ignoring them
        signal.signal(number, lambda *_: None)
    try:
        spool, door = Spool(spec["spool"]), socket.socket(socket.AF_UNIX)
        door.bind(spec["socket"])
        door.listen()
        tree = Tree(spec["argv"], spec["cwd"], spec["env"])
        pids = {"pid": os.getpid(), "program": tree.pid}
        who = {**pids, "started": [int(stat(pid)[19]) if LINUX else 0 for pid in pids.values()]}
        who.update({key: spec[key] for key in ("socket", "detach", "grace_s")})
        publish(f"{spool.folder}/runner.json", who, f"{spool.folder}/runner.tmp")
    except OSError as error:
        os.write(1, json.dumps({"error": str(error)}).encode() + b"\n")
        sys.exit(1)
    with contextlib.suppress(OSError):  # the starter may be gone already: see its life line
        os.write(1, json.dumps({"ready": who}).encode() + b"\n")
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    os.dup2(os.open(f"{spool.folder}/runner.log", os.O_WRONLY | os.O_CREAT, 0o600), 2)
    runner = Runner(spool, tree, spec["detach"], spec["grace_s"])
    if spec["lifeline"]:
        runner.watch(0, runner.on_lifeline)
    elif not spec["detach"]:
        runner.lease_s = spec["lease_s"]
    runner.watch(door.fileno(), lambda _: runner.clients.add(Client(door.accept()[0])))
    runner.run()
    os.unlink(spec["socket"])


if __name__ == "__main__":
    main()
