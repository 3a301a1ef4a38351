"""A text for every pair, from a model or from templates: filtered, and requested again if it was rejected."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Protocol

from models.errors import ModelRefused
from training.triplets import config, filter
from training.triplets.answers import Answer, AnsweringModel, Refusal, Reply, Request
from training.triplets.ask import Asker, Price
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
    """Captions and facts of a pair, the input of a text."""

    name: str  # seed of the templates
    captions: tuple[str, str]  # of reference and target
    facts: tuple[Mapping[str, str], Mapping[str, str]]  # product data of both


@dataclass(frozen=True, slots=True)
class Attempt:
    """One answer about a pair."""

    pair: int
    attempt: int  # from 0
    text: str
    reason: str  # reason for rejection; "" if it was accepted


@dataclass(frozen=True, slots=True)
class ReformulationTexts:
    """All answers, by attempt and pair."""

    attempts: tuple[Attempt, ...]
    report: Mapping[str, object]

    def accepted(self) -> list[Attempt]:
        """Return the accepted ones, at most one per pair, in the order of the pairs."""
        return sorted((one for one in self.attempts if not one.reason), key=lambda one: one.pair)

    def rejected(self) -> list[Attempt]:
        """Return the rejected ones."""
        return [one for one in self.attempts if one.reason]


class _Writer(Protocol):
    """Source of the texts: a model or the templates."""

    def answers(self, pairs: Sequence[CaptionPair], before: Sequence[Attempt], *, attempt: int) -> list[Answer]:
        """Return one answer for each of `before`, the rejected answers of the previous attempt."""

    def report(self) -> dict[str, object]:
        """Return the source's name, and the totals of its answers."""


def write(
    section: Reformulator, pairs: Sequence[CaptionPair], *, rules: FilterConfig, seed: int, stored: Store
) -> ReformulationTexts:
    """Write a text for each pair if possible; a model receives the reason for a rejection and a second try."""
    if isinstance(section, TemplateReformulator):
        return _written(_TemplateWriter(seed), pairs, rules=rules)
    with _opened(section) as model:
        return _written(_ModelWriter(section, model, stored=stored), pairs, rules=rules)


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


class _ModelWriter:
    """A chat model with the paper's prompt."""

    def __init__(
        self, section: EndpointReformulator | LocalReformulator, model: AnsweringModel, *, stored: Store
    ) -> None:
        fields = ("{caption_a}", "{caption_b}")
        self._prompt = config.prompt(section.prompt, default="reformulate.txt", fields=fields)
        self._again = config.prompt("", default="again.txt", fields=("{prompt}", "{answer}", "{reason}"))
        price = Price(section.prompt_price, section.completion_price)
        self._asker = Asker(model, stored=stored, digests={}, price=price, label="texts")

    def answers(self, pairs: Sequence[CaptionPair], before: Sequence[Attempt], *, attempt: int) -> list[Answer]:
        def request(place: int) -> Request:
            rejected = before[place]
            first, second = pairs[rejected.pair].captions
            prompt = filled(self._prompt, {"caption_a": first, "caption_b": second})
            if attempt:
                # The same prompt again would get the same answer from greedy decoding.
                prompt = filled(self._again, {"prompt": prompt, "answer": rejected.text, "reason": rejected.reason})
            return Request(prompt)

        return self._asker.ask(request, len(before), attempt=attempt)

    def report(self) -> dict[str, object]:
        return {"model": self._asker.model.name, "prompt": self._prompt, **asdict(self._asker.spent())}


class _TemplateWriter:
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
    """Fill the {fields} of the prompt in one step: braces in a caption stay as they are."""
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), prompt)


def _opened(section: EndpointReformulator | LocalReformulator) -> AbstractContextManager[AnsweringModel]:
    if isinstance(section, EndpointReformulator):
        from training.triplets.endpoint import Endpoint

        return Endpoint.open(section)
    from training.triplets import local

    return nullcontext(local.Reformulator.open(section))
