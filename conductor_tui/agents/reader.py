"""From chunks to arrivals: lines, positions, and what of the past is told again. Pure.

Attaching replays the whole stream through a fresh protocol. What was consumed before is not told
again, except what still holds (`AgentProtocol.standing`): requests nobody answered, an idle agent.
That is told when the past has been read: once the stream is past the position and falls silent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from conductor_tui.agents.lines import Line, LineSplitter
from conductor_tui.agents.protocol import AgentProtocol, Reply, Standing
from conductor_tui.domain.agent_events import AgentLog
from conductor_tui.domain.ports.agents import (
    Arrival,
    PermissionAsked,
    QuestionAsked,
    Signal,
    ToolIntent,
    TurnEnded,
)
from conductor_tui.domain.ports.hosts import Chunk, Exit

SETTLE_S = 0.25
"""Silence after which the past is taken to be read."""

SETTLE_AT_MOST_S = 1.0
"""The same for an agent that never falls silent."""

BACKLOG_S = 5.0
"""Silence after which a stream that is shorter than what was consumed of it counts as read."""

Output = list[Arrival | Reply]


class StreamReader:
    """Reads one program's two streams.

    Args:
        protocol: a fresh one.
        position: how much of standard output was consumed before; only for attaching.
        err_position: the same of standard error.
        attached: the program was started before, perhaps by another conductor.
        now: the time, seconds of any clock that is used for all calls.
    """

    def __init__(
        self,
        protocol: AgentProtocol,
        *,
        position: int = 0,
        err_position: int = 0,
        attached: bool = False,
        now: float = 0.0,
    ) -> None:
        self._protocol = protocol
        self._position = position
        self._err_position = err_position
        self._out = LineSplitter()
        self._err = LineSplitter()
        self._past = attached
        self._told: list[Standing] = []
        self._heard_at = now
        self._reached_at: float | None = now if position == 0 else None

    def feed(self, chunk: Chunk, now: float) -> Iterator[Arrival | Reply]:
        """Read a chunk; yield what its lines say, each line read when it is asked for.

        So an answer given to one signal is known before the lines behind it are read.
        """
        self._heard_at = now
        if chunk.stream == "err":
            for line in self._err.feed(chunk.data):
                yield from self._error_line(line)
            return
        for line in self._out.feed(chunk.data):
            yield from self._line(line)
        if self._reached_at is None and self._out.position >= self._position:
            self._reached_at = now

    def deadline(self) -> float | None:
        """Return the moment from which on a silence has a meaning, None where it has none."""
        due = [moment for moment in (self._quiet_at(), self._settle_at()) if moment is not None]
        return min(due, default=None)

    def silence(self, now: float) -> Output:
        """Take notice that nothing came until now; return what that means."""
        output: Output = []
        settle_at, quiet_at = self._settle_at(), self._quiet_at()
        if settle_at is not None and now >= settle_at:
            output += self._settle()
        if quiet_at is not None and now >= quiet_at:
            output += self._here(self._protocol.quiet())
        return output

    def end(self, how: Exit) -> Output:
        """Read the last lines and the program's end."""
        output: Output = []
        for line in self._err.rest():
            output += self._error_line(line)
        for line in self._out.rest():
            output += self._line(line)
        if self._past:
            # The program is gone and its requests with it; but that it was idle still holds.
            ended = [one for one in self._protocol.standing() if isinstance(one, TurnEnded)]
            output += self._here([one for one in ended if one not in self._told])
        return output + self._here(self._protocol.exited(how))

    def _quiet_at(self) -> float | None:
        patience = self._protocol.patience()
        return None if patience is None else self._heard_at + patience

    def _settle_at(self) -> float | None:
        if not self._past:
            return None
        if self._reached_at is None:
            return self._heard_at + BACKLOG_S
        return min(self._heard_at + SETTLE_S, self._reached_at + SETTLE_AT_MOST_S)

    def _settle(self) -> Output:
        self._past = False
        self._position = min(self._position, self._out.position)
        return self._here([one for one in self._protocol.standing() if one not in self._told])

    def _line(self, line: Line) -> Output:
        said = self._protocol.receive(line.data)
        signals = [one for one in said if not isinstance(one, Reply)]
        if line.cut:
            size = line.end - line.start
            signals.append(AgentLog(f"a line of {size} bytes was cut to {len(line.data)}"))
        last = len(signals)
        # Each signal of one line has a position of its own, so none is lost between two.
        arrivals = [
            Arrival(signal, line.end if nth == last else line.start + nth, self._err.position)
            for nth, signal in enumerate(signals, 1)
        ]
        new = [arrival for arrival in arrivals if self._is_news(arrival)]
        self._remember(new)
        return [*(one for one in said if isinstance(one, Reply)), *new]

    def _is_news(self, arrival: Arrival) -> bool:
        """Say whether to tell it: not the past, and no request whose asker may be gone by now."""
        if self._past and isinstance(arrival.signal, ToolIntent | PermissionAsked | QuestionAsked):
            return False
        return arrival.position > self._position

    def _error_line(self, line: Line) -> Output:
        signals = self._protocol.error_line(line.data)
        if line.end <= self._err_position:
            return []
        return [Arrival(signal, self._out.position, line.end) for signal in signals]

    def _here(self, said: Sequence[Signal | Reply]) -> Output:
        """Give a position to what belongs to no line: it stands behind all lines so far."""
        output: Output = [
            one if isinstance(one, Reply) else Arrival(one, self._out.position, self._err.position)
            for one in said
        ]
        self._remember([one for one in output if isinstance(one, Arrival)])
        return output

    def _remember(self, arrivals: Sequence[Arrival]) -> None:
        if self._past:
            kinds = ToolIntent | PermissionAsked | QuestionAsked | TurnEnded
            self._told += [one.signal for one in arrivals if isinstance(one.signal, kinds)]
