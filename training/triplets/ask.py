"""Send the requests that the store has no answer for, many in parallel, and store each answer immediately."""

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
from training.triplets.answers import Answer, AnsweringModel, Refusal, Reply, Request
from training.triplets.filter import is_blank
from training.triplets.store import Store

AHEAD = 2  # calls per thread that are queued in advance
GIVE_UP = 20  # refusals in a row: then the requests are not the cause


@dataclass(frozen=True, slots=True)
class Price:
    """Price of a million tokens, in any currency."""

    prompt: float = 0.0
    completion: float = 0.0

    def cost(self, reply: Reply) -> float:
        """Return the cost of the reply."""
        return (reply.prompt_tokens * self.prompt + reply.completion_tokens * self.completion) / 1e6


_Answered = Generator[dict[bytes, Answer], None, None]


@dataclass(frozen=True, slots=True)
class Spent:
    """Totals of a run's answers, those of earlier runs included."""

    answers: int
    refused: int
    prompt_tokens: int
    completion_tokens: int
    cost: float


class Asker:
    """A model with the store of its answers."""

    def __init__(
        self, model: AnsweringModel, *, stored: Store, digests: Mapping[Path, str], price: Price, label: str
    ) -> None:
        """`digests` of the images in the requests; `label` of the progress bar."""
        self.model = model
        self._stored = stored
        self._digests = digests
        self._price = price
        self._label = label
        self._used: dict[bytes, Answer] = {}

    def ask(self, request: Callable[[int], Request], count: int, *, attempt: int) -> list[Answer]:
        """Return the answers to request(0) … request(count − 1); equal requests are sent once.

        Requests are built twice rather than stored, since prompts are long. Raises ModelError if the model no longer
        answers at all; its earlier answers stay stored.
        """
        keys = [self._key(request(row), attempt) for row in range(count)]
        answers: dict[bytes, Answer] = {}
        missing: dict[bytes, int] = {}
        for row, key in enumerate(keys):
            if key in answers or key in missing:
                continue
            reply = self._stored.get(key)
            if reply is None:
                missing[key] = row
            else:
                answers[key] = reply
        total = len(answers) + len(missing)
        with tqdm(total=total, initial=len(answers), desc=self._label, unit="answer", smoothing=0.05) as bar:
            # Requests that an earlier run refused are adjacent now; their refusals are not a sign of a broken model.
            progress = _Progress(bar, self._price, expected=self._stored.refused())
            requests = zip(missing, map(request, missing.values()), strict=True)
            with closing(self._answered(requests, attempt)) as answered:
                for done in answered:
                    progress.add(done)
                    answers |= done
        self._used |= answers
        return [answers[key] for key in keys]

    def spent(self) -> Spent:
        """Return the totals of all answers so far."""
        replies = [answer for answer in self._used.values() if isinstance(answer, Reply)]
        return Spent(
            answers=len(replies),
            refused=len(self._used) - len(replies),
            prompt_tokens=sum(reply.prompt_tokens for reply in replies),
            completion_tokens=sum(reply.completion_tokens for reply in replies),
            cost=round(sum(self._price.cost(reply) for reply in replies), 6),
        )

    def _key(self, request: Request, attempt: int) -> bytes:
        return store.key(model=self.model.name, prompt=request.prompt, image=self._image(request), attempt=attempt)

    def _image(self, request: Request) -> str:
        return "" if request.image is None else self._digests[request.image]

    def _answered(self, requests: Iterable[tuple[bytes, Request]], attempt: int) -> _Answered:
        """Yield the answers of each call as it ends."""
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
            print("\nlikebut: waiting for the current answers, which are stored", file=sys.stderr)
            raise
        finally:
            if under_way:  # Ctrl-C or an error; a call may wait minutes before it tries a busy server again
                self.model.stop()
            pool.shutdown(cancel_futures=True)  # waits for the current calls, whose answers are stored

    def _call(self, call: Sequence[tuple[bytes, Request]], attempt: int) -> dict[bytes, Answer]:
        """Send a call and store its answers; if one of several requests is refused, send each alone."""
        requests = [request for _, request in call]
        begun = time.monotonic()
        try:
            answers = self.model.answer(requests)
        except ModelRefused as error:
            if len(call) == 1:
                self._stored.refuse(call[0][0])
                return {call[0][0]: Refusal(str(error))}
            return {key: answer for one in call for key, answer in self._call([one], attempt).items()}
        seconds = (time.monotonic() - begun) / len(call)
        found: dict[bytes, Answer] = {}
        for (key, request), answer in zip(call, answers, strict=True):
            if isinstance(answer, Reply) and is_blank(answer.text):
                answer = Refusal("the answer is blank")
            if isinstance(answer, Refusal):
                self._stored.refuse(key)
            else:
                self._stored.put(
                    model=self.model.name,
                    prompt=request.prompt,
                    image=self._image(request),
                    attempt=attempt,
                    reply=answer,
                    seconds=seconds,
                )
            found[key] = answer
        return found


class _Progress:
    """Progress bar with tokens and cost; ends the run after too many refusals in a row."""

    def __init__(self, bar: "tqdm[None]", price: Price, *, expected: frozenset[bytes]) -> None:
        """`expected` refusals do not count."""
        self._bar, self._price, self._expected = bar, price, expected
        self._tokens, self._cost = 0, 0.0
        self._refused, self._in_a_row = 0, 0

    def add(self, answers: Mapping[bytes, Answer]) -> None:
        """Count answers by key; raises ModelError after too many refusals in a row."""
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
                self._cost += self._price.cost(answer)
        facts = [f"{self._tokens} tokens"]
        facts += [f"cost {self._cost:.2f}"] if self._cost else []
        facts += [f"{self._refused} refused"] if self._refused else []
        self._bar.set_postfix_str(", ".join(facts), refresh=False)
