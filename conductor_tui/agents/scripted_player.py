"""The scripted agent's program: plays steps, as an agent would work, in the current folder.

One file, standard library only, Python >= 3.8: it runs on any host, sent as `python3 -c SOURCE`.
Its first line of input holds the steps (`scripted.ScriptedProtocol.opening`), then JSON lines go
both ways. `write` and `edit` never leave the folder; `run` is a shell and may do what a shell may.

    in    start · permit · answer · say · interrupt         out   opened · state · text · tool_call
                                                                  tool_result · intent · permission
                                                                  question · settled · withdrawn
                                                                  usage · limit · turn
"""

from __future__ import annotations

import difflib
import json
import os
import select
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, NoReturn  # noqa: UP035 — Python 3.8

OUTPUT_LIMIT = 30000
"""Characters kept of a command's output, as Claude Code does."""

MEMORY = os.path.join(".git", "conductor-scripted.json")
"""Where the place in the script is kept, so that a resumed session goes on; no git, no memory."""

POLL_S = 0.1
"""How often a command is looked after whose descendants keep its output open."""


class Interrupted(Exception):
    """The turn is to end now."""


class Link:
    """The two streams: lines out, lines in, and requests that wait for their answer."""

    def __init__(self) -> None:
        self.closed = False
        self.start: dict[str, Any] = {}
        self.messages: list[str] = []
        self._buffer = b""
        self._answers: dict[str, dict[str, Any]] = {}
        self._number = 0

    def emit(self, kind: str, **fields: Any) -> None:  # noqa: ANN401 — any JSON value
        """Write one line."""
        line = json.dumps(dict(fields, type=kind)) + "\n"
        sys.stdout.buffer.write(line.encode())
        sys.stdout.buffer.flush()

    def listen(self, timeout: float | None, also: int | None = None) -> bool:
        """Take in what was written to us until the timeout; tell whether ``also`` is readable.

        Raises:
            Interrupted: that was written to us.
        """
        if self._drain():
            timeout = 0
        wanted = ([] if self.closed else [0]) + ([] if also is None else [also])
        if not wanted and timeout is None:
            return False
        ready = select.select(wanted, [], [], timeout)[0]
        if 0 in ready:
            data = os.read(0, 65536)
            self.closed = not data
            self._buffer += data
            self._drain()
        return also in ready

    def request(self, kind: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 — any JSON value
        """Ask, wait for the answer and return it; once nobody can answer, it is a no."""
        request = "ask-" + self.next_id()
        self.emit("state", state="requires_action")
        self.emit(kind, request=request, **fields)
        try:
            while request not in self._answers and not self.closed:
                self.listen(None)
        except Interrupted:
            self.emit("withdrawn", request=request)
            raise
        self.emit("settled", request=request)
        self.emit("state", state="running")
        nobody = {"decision": "deny", "message": "nobody is there to answer"}
        return self._answers.pop(request, nobody)

    def next_id(self) -> str:
        """Return an id that no other program of the session uses."""
        self._number += 1
        return f"{os.getpid()}-{self._number}"

    def _drain(self) -> bool:
        """Take in the whole lines that are there; tell whether there were any."""
        any_line = False
        while b"\n" in self._buffer:
            line, self._buffer = self._buffer.split(b"\n", 1)
            self._take(json.loads(line))
            any_line = True
        return any_line

    def _take(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if kind == "start":
            self.start = message
        elif kind in ("permit", "answer"):
            self._answers[message["request"]] = message
        elif kind == "say":
            self.messages.append(message["text"])
        elif kind == "interrupt":
            raise Interrupted


class Stage:
    """The words of a script, each a method of its name."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.denied = 0
        self.last_words = ""
        self._root = os.path.realpath(os.getcwd())

    def play(self, step: dict[str, Any]) -> None:
        """Play one step, after what was said to us meanwhile."""
        self.link.listen(0)
        self.acknowledge()
        for word, value in step.items():
            if word == "ask":
                self.ask(value, step.get("denied", []))
            elif word != "denied":
                getattr(self, word)(value)

    def acknowledge(self) -> None:
        """Tell that messages have come."""
        while self.link.messages:
            self.say("Message received: " + self.link.messages.pop(0))

    def say(self, text: str) -> None:
        """Say a text."""
        self.last_words = text
        self.link.emit("text", text=text)

    def write(self, value: dict[str, Any]) -> None:
        """Write a whole file."""
        given = {"file_path": value["path"], "content": value["text"]}
        self._change(self._call("Write", given), value["path"], lambda before: value["text"])

    def edit(self, value: dict[str, Any]) -> None:
        """Replace a text in a file, where it first stands."""
        old, new = value["old"], value["new"]
        given = {"file_path": value["path"], "old_string": old, "new_string": new}

        def changed(before: str | None) -> str:
            if before is None or old not in before:
                raise ValueError("the text to be replaced is not in the file")
            return before.replace(old, new, 1)

        self._change(self._call("Edit", given), value["path"], changed)

    def run(self, command: str) -> None:
        """Run a shell command."""
        call = self._call("Bash", {"command": command})
        process = subprocess.Popen(
            ["sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            output = self._follow(process)
        except Interrupted:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self._result(call, False, "interrupted")
            raise
        code = process.wait()
        head = "" if code == 0 else f"Exit code {code}\n"
        self._result(call, code == 0, (head + output).rstrip("\n"))

    def ask(self, value: dict[str, Any], denied: list[dict[str, Any]]) -> None:
        """Ask for a permission; without it, the steps for that case are played."""
        tool, given = value["tool"], value.get("input", {})
        call = self._call(tool, given)
        answer = self.link.request("intent", id=call, tool=tool, input=given)
        if answer["decision"] in ("ask", "pass"):
            answer = self.link.request("permission", id=call, tool=tool, input=given)
        if answer["decision"] == "allow":
            changed = answer.get("input")
            allowed = given if changed is None else changed
            self._result(call, True, "allowed: " + json.dumps(allowed))
            return
        self.denied += 1
        self._result(call, False, answer.get("message") or "denied")
        for step in denied:
            self.play(step)

    def question(self, text: str) -> None:
        """Ask a question and repeat the answer."""
        answer = self.link.request("question", id=self.link.next_id(), text=text).get("text")
        self.say("Nobody answered." if answer is None else "Answered: " + answer)

    def wait(self, seconds: float) -> None:
        """Do nothing for a while, but hear."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.link.listen(max(0.0, end - time.monotonic()))
            self.acknowledge()

    def usage(self, value: dict[str, Any]) -> None:
        """Tell tokens and cost."""
        self.link.emit("usage", **value)

    def limit(self, value: dict[str, Any]) -> None:
        """Tell that a usage limit is reached; the turn ends with it."""
        resets = datetime.now(timezone.utc) + timedelta(seconds=value["resets_in"])  # noqa: UP017 — Python 3.8
        self.last_words = "usage limit reached"
        moment = resets.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.link.emit("limit", resets_at=moment, text=self.last_words)

    def exit(self, code: int) -> NoReturn:
        """End at once."""
        sys.exit(code)

    def hang(self, _: bool) -> None:
        """Say nothing any more and hear nothing."""
        while True:
            time.sleep(3600)

    def _call(self, tool: str, given: dict[str, Any]) -> str:
        call = "call-" + self.link.next_id()
        self.link.emit("tool_call", id=call, tool=tool, input=given)
        return call

    def _result(self, call: str, ok: bool, output: str, diff: str = "") -> None:
        shown = output[-OUTPUT_LIMIT:]
        self.link.emit("tool_result", id=call, ok=ok, output=shown, diff=diff or None)

    def _follow(self, process: subprocess.Popen[bytes]) -> str:
        """Return what a command prints; what outlives it in the background is not waited for."""
        output = b""
        assert process.stdout is not None
        pipe = process.stdout.fileno()
        while True:
            if self.link.listen(POLL_S, pipe):
                data = os.read(pipe, 65536)
                if not data:
                    break
                output = (output + data)[-4 * OUTPUT_LIMIT :]
            elif process.poll() is not None:
                break
        process.stdout.close()
        return output.decode("utf-8", "replace")

    def _change(self, call: str, path: str, changed: Callable[[str | None], str]) -> None:
        full = os.path.realpath(os.path.join(self._root, path))
        if not full.startswith(self._root + os.sep):
            self._result(call, False, f"refused: {path} leaves the workspace")
            return
        name = os.path.relpath(full, self._root)
        try:
            before = content(full)
            after = changed(before)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
                file.write(after)
        except (OSError, ValueError) as error:
            self._result(call, False, f"{name}: {error}")
            return
        self._result(call, True, "written: " + name, unified(name, before, after))


class Player:
    """Plays one attempt, turn by turn."""

    def __init__(self) -> None:
        self.link = Link()
        self.stage = Stage(self.link)

    def main(self) -> int:
        """Play the script, then acknowledge messages until the input ends."""
        while not self.link.start and not self.link.closed:
            self.link.listen(None)
        if not self.link.start:
            return 0
        self.link.emit("opened", session=self.link.start["session"])
        self._turn(self._script)
        while self._wait_for_message():
            self._turn(self._answer)
        return 0

    def _turn(self, work: Callable[[], str]) -> None:
        """Do some work and tell how it ended."""
        self.link.emit("state", state="running")
        try:
            reason = work()
        except Interrupted:
            reason = "aborted"
        ok, stage = reason == "completed", self.stage
        self.link.emit("turn", ok=ok, reason=reason, text=stage.last_words, denied=stage.denied)
        self.link.emit("state", state="idle")
        stage.denied = 0

    def _wait_for_message(self) -> bool:
        """Return whether there is a message; False at the end of input."""
        while not self.link.messages and not self.link.closed:
            try:
                self.link.listen(None)
            except Interrupted:
                continue  # nothing is being done
        return bool(self.link.messages)

    def _answer(self) -> str:
        self.stage.acknowledge()
        return "completed"

    def _script(self) -> str:
        """Play the steps that were not played before."""
        steps = self.link.start["steps"]
        for index in range(self._recall(len(steps)), len(steps)):
            self.stage.play(steps[index])
            limited = "limit" in steps[index]
            self._remember(index + 1, limited)
            if limited:
                return "limit"
        self.stage.acknowledge()
        return "completed"

    def _recall(self, steps: int) -> int:
        """Return how many steps a resumed session has behind it; a finished script starts anew."""
        if not self.link.start.get("resume"):
            return 0
        try:
            with open(MEMORY, encoding="utf-8") as file:
                kept = json.load(file)
        except (OSError, ValueError):
            return 0
        same = all(kept.get(key) == self.link.start.get(key) for key in ("session", "attempt"))
        done = int(kept.get("done", 0))
        return done if same and (done < steps or kept.get("limited")) else 0

    def _remember(self, done: int, limited: bool) -> None:
        """Keep the place in the script."""
        if not os.path.isdir(".git"):
            return
        kept = {key: self.link.start.get(key) for key in ("session", "attempt")}
        with open(MEMORY + ".new", "w", encoding="utf-8") as file:
            json.dump(dict(kept, done=done, limited=limited), file)
        os.replace(MEMORY + ".new", MEMORY)


def content(path: str) -> str | None:
    """Return a file's text, None where there is none."""
    if not os.path.lexists(path):
        return None
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.read()


def unified(name: str, before: str | None, after: str) -> str:
    """Return a unified diff with git's file headers."""
    old = [] if before is None else before.splitlines(keepends=True)
    source = "/dev/null" if before is None else "a/" + name
    lines = difflib.unified_diff(old, after.splitlines(keepends=True), source, "b/" + name)
    missing = "\n\\ No newline at end of file\n"
    text = "".join(line if line.endswith("\n") else line + missing for line in lines)
    return text.encode("utf-8", "replace").decode()


if __name__ == "__main__":
    try:
        sys.exit(Player().main())
    except KeyboardInterrupt:
        sys.exit(130)
