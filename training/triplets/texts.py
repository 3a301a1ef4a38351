"""The text of every pair, from a model or from templates: filtered, and asked for again where it was rejected."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Protocol

from models.errors import ModelRefused
from training.triplets import config, filter
from training.triplets.answers import AnsweringModel, Reply, Request
from training.triplets.ask import Answer, Asker, Price, Refusal
from training.triplets.config import (
    EndpointReformulator,
    FilterConfig,
    LocalReformulator,
    Reformulator,
    TemplateReformulator,
)
from training.triplets.store import Store

NO_ANSWER = "no answer"


@dataclass(frozen=True, slots=True)
class CaptionPair:
    """What the writer of a text knows of a pair."""

    name: str  # for templates to draw by
    captions: tuple[str, str]  # of reference and target
    facts: tuple[Mapping[str, str], Mapping[str, str]]  # what the shop says of both


@dataclass(frozen=True, slots=True)
class Attempt:
    """One answer about a pair."""

    pair: int
    attempt: int  # from 0
    text: str
    reason: str  # why it may not stand; "" where it may


@dataclass(frozen=True, slots=True)
class ReformulationTexts:
    """All answers, by attempt and pair."""

    attempts: tuple[Attempt, ...]
    report: Mapping[str, object]

    def accepted(self) -> list[Attempt]:
        """Those that may stand, at most one a pair, in the order of the pairs."""
        return sorted((one for one in self.attempts if not one.reason), key=lambda one: one.pair)

    def rejected(self) -> list[Attempt]:
        """Those that may not."""
        return [one for one in self.attempts if one.reason]


class _Writer(Protocol):
    """Who writes the texts."""

    def answers(self, pairs: Sequence[CaptionPair], before: Sequence[Attempt], *, attempt: int) -> list[Answer]:
        """One for each of `before`, the rejected answers of the attempt before this one."""

    def report(self) -> dict[str, object]:
        """Who it is, and what its answers took."""


def write(
    section: Reformulator,
    pairs: Sequence[CaptionPair],
    *,
    rules: FilterConfig,
    seed: int,
    kept: Store,
) -> ReformulationTexts:
    """A text for each pair where one can be had; a model whose answer is rejected is told why and asked again."""
    if isinstance(section, TemplateReformulator):
        return _written(_Templates(seed), pairs, rules=rules)
    with _opened(section) as model:
        return _written(_Asked(section, model, kept=kept), pairs, rules=rules)


def _written(writer: _Writer, pairs: Sequence[CaptionPair], *, rules: FilterConfig) -> ReformulationTexts:
    attempts: list[Attempt] = []
    waiting = [Attempt(pair=row, attempt=-1, text="", reason="") for row in range(len(pairs))]
    for attempt in range(rules.retries + 1):
        if not waiting:
            break
        answers = writer.answers(pairs, waiting, attempt=attempt)
        judged = [
            _judged(answer, pairs[before.pair], before.pair, attempt=attempt, words=rules.words)
            for before, answer in zip(waiting, answers, strict=True)
        ]
        attempts += judged
        waiting = [one for one in judged if one.reason and not one.reason.startswith(NO_ANSWER)]
    reasons = Counter(one.reason.partition(":")[0] for one in attempts if one.reason)
    return ReformulationTexts(tuple(attempts), {**writer.report(), "rejected": dict(sorted(reasons.items()))})


def _judged(answer: Answer, pair: CaptionPair, row: int, *, attempt: int, words: int) -> Attempt:
    if isinstance(answer, Refusal):
        return Attempt(row, attempt, "", f"{NO_ANSWER}: {answer.reason}")
    text = filter.cleaned(answer.text)
    return Attempt(row, attempt, text, filter.rejected(text, words=words, captions=pair.captions) or "")


class _Asked:
    """A chat model with the paper's prompt."""

    def __init__(
        self, section: EndpointReformulator | LocalReformulator, model: AnsweringModel, *, kept: Store
    ) -> None:
        fields = ("{caption_a}", "{caption_b}")
        self._prompt = config.prompt(section.prompt, default="reformulate.txt", fields=fields)
        self._again = config.prompt("", default="again.txt", fields=("{prompt}", "{answer}", "{reason}"))
        price = Price(section.prompt_price, section.completion_price)
        self._asker = Asker(model, kept=kept, digests={}, price=price, label="texts")

    def answers(self, pairs: Sequence[CaptionPair], before: Sequence[Attempt], *, attempt: int) -> list[Answer]:
        def request(place: int) -> Request:
            rejected = before[place]
            first, second = pairs[rejected.pair].captions
            prompt = filled(self._prompt, {"caption_a": first, "caption_b": second})
            if attempt:
                # The same words again would get the same answer from a model that always says the likeliest.
                prompt = filled(self._again, {"prompt": prompt, "answer": rejected.text, "reason": rejected.reason})
            return Request(prompt)

        return self._asker.ask(request, len(before), attempt=attempt)

    def report(self) -> dict[str, object]:
        return {"model": self._asker.model.name, "prompt": self._prompt, **asdict(self._asker.spent())}


class _Templates:
    """The baseline without a model."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def answers(self, pairs: Sequence[CaptionPair], before: Sequence[Attempt], *, attempt: int) -> list[Answer]:
        return [self._answer(pairs[one.pair], attempt) for one in before]

    def report(self) -> dict[str, object]:
        return {"model": "templates"}

    def _answer(self, pair: CaptionPair, attempt: int) -> Answer:
        from training.templates import difference

        try:
            text = difference.text(pair.captions, pair.facts, name=f"{pair.name} {attempt}", seed=self._seed)
        except ModelRefused as error:
            return Refusal(str(error))
        return Reply(text, 0, 0)


def filled(prompt: str, values: Mapping[str, str]) -> str:
    """The prompt with its {fields} in one pass: braces in a caption stay as they are."""
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), prompt)


def _opened(section: EndpointReformulator | LocalReformulator) -> AbstractContextManager[AnsweringModel]:
    if isinstance(section, EndpointReformulator):
        from training.triplets.endpoint import Endpoint

        return Endpoint.open(section)
    from training.triplets import local

    return nullcontext(local.Reformulator.open(section))
