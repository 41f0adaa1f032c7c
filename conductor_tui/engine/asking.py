"""The judge of a run: asks its model about one attempt at a time until it has a verdict, or not."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from conductor_tui.domain.errors import JudgeUnavailable
from conductor_tui.domain.ports.judging import JudgeAnswer, JudgeHealth, JudgeModel, JudgeQuestion
from conductor_tui.supervision.judging import Judgement, JudgePrompts, Material, Plan, merge
from conductor_tui.supervision.standing import DEFAULT_QUALITY, Quality
from conductor_tui.supervision.verdict import (
    SCHEMA,
    Verdict,
    VerdictFault,
    parse_verdict,
    weigh,
)

KEPT_ANSWERS = 64
"""Answers to parts of a diff that are kept, for when the judge goes away between two parts."""

NOTHING_SHOWN = Verdict(
    requirements=(), issues=(), score=0, confidence=0, summary="nothing could be shown to the judge"
)


class NoVerdict(JudgeUnavailable):
    """The model answered, but neither its answer nor the repaired one is a verdict."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a judge found, and what it took."""

    judgement: Judgement
    model: str
    duration_s: float


@dataclass(frozen=True, slots=True)
class _Said:
    verdict: Verdict
    model: str
    duration_s: float


class Judge:
    """A model with its questions.

    Args:
        model: who is asked.
        prompts: what it is asked with.
        quality: the scores at which its verdict passes.
        sleep: waits for some seconds, between two looks for a judge that is away.
    """

    def __init__(
        self,
        model: JudgeModel,
        prompts: JudgePrompts,
        quality: Quality = DEFAULT_QUALITY,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.quality = quality
        self.sleep = sleep
        self._model = model
        self._prompts = prompts
        self._kept: OrderedDict[str, _Said] = OrderedDict()

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.model

    async def health(self) -> JudgeHealth:
        """Say whether it can be asked now."""
        return await self._model.health()

    async def plan(self, material: Material) -> Plan:
        """Return the questions about an attempt; in a thread, as a diff may be large."""
        return await asyncio.to_thread(self._prompts.plan, material, self._model.window)

    def key(self, plan: Plan) -> str:
        """Return what identical questions to the same model have in common."""
        return plan.key(f"{self._model.provider}\0{self._model.model}")

    async def judge(self, material: Material, plan: Plan) -> Opinion:
        """Ask all the questions and return what came of them.

        Raises:
            NoVerdict: the model answered, but with nothing that is a verdict.
            JudgeUnavailable: it could not be asked.
        """
        if not plan.prompts:
            judgement = Judgement(NOTHING_SHOWN, (), plan.not_judged)
            return Opinion(judgement, self._model.model, 0.0)
        said = [await self._asked(plan.system, prompt) for prompt in plan.prompts]
        checks = {check.check for check in material.checks}
        weighed = [weigh(one.verdict, plan.evidence, checks) for one in said]
        if len(said) > 1:
            parts = [one.verdict for one in weighed]
            whole = self._prompts.whole(material, plan.evidence, parts, self._model.window)
            said.append(await self._asked(plan.system, whole))
            weighed.append(weigh(said[-1].verdict, plan.evidence, checks))
        judgement = Judgement(
            merge([one.verdict for one in weighed]),
            tuple(strike for one in weighed for strike in one.struck),
            plan.not_judged,
        )
        return Opinion(judgement, said[-1].model, round(sum(one.duration_s for one in said), 3))

    async def _asked(self, system: str, prompt: str) -> _Said:
        """Ask one question; where the answer is no verdict, once more with what is wrong with it.

        Verdicts are kept: an outage in the middle of several parts costs only the part at hand.
        """
        key = hashlib.sha256(f"{system}\0{prompt}".encode("utf-8", "replace")).hexdigest()
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        first = await self._model.ask(JudgeQuestion(system, prompt, SCHEMA))
        try:
            said = _Said(parse_verdict(first.text), first.model, first.duration_s)
        except VerdictFault as fault:
            said = await self._repaired(system, prompt, first, fault)
        self._kept[key] = said
        if len(self._kept) > KEPT_ANSWERS:
            self._kept.popitem(last=False)
        return said

    async def _repaired(
        self, system: str, prompt: str, first: JudgeAnswer, fault: VerdictFault
    ) -> _Said:
        again = self._prompts.repair(prompt, first.text, fault.faults, self._model.window)
        second = await self._model.ask(JudgeQuestion(system, again, SCHEMA))
        try:
            verdict = parse_verdict(second.text)
        except VerdictFault as still:
            raise NoVerdict(f"{second.model} gave no verdict: {still}") from still
        return _Said(verdict, second.model, first.duration_s + second.duration_s)
