"""Asks a model for all that the store does not have, many at a time, and keeps each answer at once."""

import sys
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tqdm import tqdm

from models.errors import ModelError, ModelRefused
from training.triplets import store
from training.triplets.answers import AnsweringModel, Reply, Request
from training.triplets.store import Store

AHEAD = 2  # calls for each thread that are handed out before they are taken up
GIVE_UP = 20  # refusals in a row: then the fault is not with the requests


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens cost, in any currency."""

    prompt: float = 0.0
    completion: float = 0.0

    def of(self, reply: Reply) -> float:
        """What the reply cost."""
        return (reply.prompt_tokens * self.prompt + reply.completion_tokens * self.completion) / 1e6


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request has no answer. It is not kept but noted: the next run asks again."""

    reason: str


Answer = Reply | Refusal
_Answered = Generator[dict[bytes, Answer], None, None]


@dataclass(frozen=True, slots=True)
class Spent:
    """What the answers of a run took, those of earlier runs included."""

    answers: int
    refused: int
    prompt_tokens: int
    completion_tokens: int
    cost: float


class Asker:
    """A model with the store of its answers."""

    def __init__(
        self, model: AnsweringModel, *, kept: Store, digests: Mapping[Path, str], price: Price, label: str
    ) -> None:
        """`digests` of the pictures that it is shown; `label` of the progress bar."""
        self.model = model
        self._kept = kept
        self._digests = digests
        self._price = price
        self._label = label
        self._used: dict[bytes, Answer] = {}

    def ask(self, request: Callable[[int], Request], count: int, *, attempt: int) -> list[Answer]:
        """The answers to request(0) … request(count − 1), of equal ones only the first asked.

        Requests are made twice rather than held, since prompts are long. Raises ModelError where the model answers
        nothing any more; what it answered before is kept.
        """
        keys = [self._key(request(row), attempt) for row in range(count)]
        found: dict[bytes, Answer] = {}
        missing: dict[bytes, int] = {}
        for row, key in enumerate(keys):
            if key in found or key in missing:
                continue
            reply = self._kept.get(key)
            if reply is None:
                missing[key] = row
            else:
                found[key] = reply
        total = len(found) + len(missing)
        with tqdm(total=total, initial=len(found), desc=self._label, unit="answer", smoothing=0.05) as bar:
            # Those refused by an earlier run stand together now, and say nothing of the model.
            progress = _Progress(bar, self._price, expected=self._kept.refused())
            asked = zip(missing, map(request, missing.values()), strict=True)
            with closing(self._answered(asked, attempt)) as answered:
                for done in answered:
                    progress.add(done)
                    found |= done
        self._used |= found
        return [found[key] for key in keys]

    def spent(self) -> Spent:
        """What all answers so far took."""
        replies = [answer for answer in self._used.values() if isinstance(answer, Reply)]
        return Spent(
            answers=len(replies),
            refused=len(self._used) - len(replies),
            prompt_tokens=sum(reply.prompt_tokens for reply in replies),
            completion_tokens=sum(reply.completion_tokens for reply in replies),
            cost=round(sum(self._price.of(reply) for reply in replies), 6),
        )

    def _key(self, request: Request, attempt: int) -> bytes:
        return store.key(model=self.model.name, prompt=request.prompt, image=self._image(request), attempt=attempt)

    def _image(self, request: Request) -> str:
        return "" if request.image is None else self._digests[request.image]

    def _answered(self, requests: Iterable[tuple[bytes, Request]], attempt: int) -> _Answered:
        """The answers of call after call, as they come."""
        waiting = iter(requests)
        calls = iter(lambda: tuple(islice(waiting, self.model.batch)), ())
        pool = ThreadPoolExecutor(self.model.concurrency, thread_name_prefix="ask")
        under_way: set[Future[dict[bytes, Answer]]] = set()
        try:
            while True:
                room = AHEAD * self.model.concurrency - len(under_way)
                under_way |= {pool.submit(self._call, call, attempt) for call in islice(calls, room)}
                if not under_way:
                    return
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for call in done:
                    yield call.result()
        except KeyboardInterrupt:
            print("\nlikebut: waiting for the answers under way, which are kept", file=sys.stderr)
            raise
        finally:
            if under_way:  # Ctrl-C or an error; a call may be asleep for minutes until a busy server is asked again
                self.model.stop()
            pool.shutdown(cancel_futures=True)  # waits for the calls under way, whose answers are kept

    def _call(self, call: Sequence[tuple[bytes, Request]], attempt: int) -> dict[bytes, Answer]:
        """Asks and keeps; where one request of several is refused, each is asked alone."""
        requests = [request for _, request in call]
        begun = time.monotonic()
        try:
            replies = self.model.answer(requests)
        except ModelRefused as error:
            if len(call) == 1:
                self._kept.refuse(call[0][0])
                return {call[0][0]: Refusal(str(error))}
            return {key: answer for one in call for key, answer in self._call([one], attempt).items()}
        seconds = (time.monotonic() - begun) / len(call)
        for request, reply in zip(requests, replies, strict=True):
            self._kept.put(
                model=self.model.name,
                prompt=request.prompt,
                image=self._image(request),
                attempt=attempt,
                reply=reply,
                seconds=seconds,
            )
        return {key: reply for (key, _), reply in zip(call, replies, strict=True)}


class _Progress:
    """The bar, with tokens and cost; it ends the run where refusals follow one another."""

    def __init__(self, bar: "tqdm[None]", price: Price, *, expected: frozenset[bytes]) -> None:
        """`expected` refusals do not count towards the end."""
        self._bar, self._price, self._expected = bar, price, expected
        self._tokens, self._cost = 0, 0.0
        self._refused, self._in_a_row = 0, 0

    def add(self, answers: Mapping[bytes, Answer]) -> None:
        """Counts answers by key; raises ModelError after too many refusals in a row."""
        for key, answer in answers.items():
            self._bar.update()
            if isinstance(answer, Refusal):
                self._refused += 1
                self._in_a_row += key not in self._expected
                if self._in_a_row == GIVE_UP:
                    raise ModelError(f"the last {GIVE_UP} requests were all refused: {answer.reason}")
            else:
                self._in_a_row = 0
                self._tokens += answer.prompt_tokens + answer.completion_tokens
                self._cost += self._price.of(answer)
        facts = [f"{self._tokens} tokens"]
        facts += [f"cost {self._cost:.2f}"] if self._cost else []
        facts += [f"{self._refused} refused"] if self._refused else []
        self._bar.set_postfix_str(", ".join(facts), refresh=False)
