"""Requests: none twice, a bounded number in parallel, every answer stored at once, a few refusals allowed."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from models.errors import ModelError, ModelRefused
from training.triplets.answers import Answer, Refusal, Reply, Request
from training.triplets.ask import GIVE_UP, Asker, Price
from training.triplets.store import Store


class Echo:
    """A model that repeats the prompt; it refuses prompts with "no", fails at "break" and sleeps at "wait"."""

    def __init__(self, *, batch: int = 1, concurrency: int = 4, together: int = 0) -> None:
        self.name, self.batch, self.concurrency = "echo", batch, concurrency
        self.calls: list[list[str]] = []
        self.most_at_once = 0
        self.stopped = threading.Event()
        self._now = 0
        self._lock = threading.Lock()
        self._barrier = threading.Barrier(together) if together else None

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        prompts = [request.prompt for request in requests]
        with self._lock:
            self.calls.append(prompts)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        if self._barrier is not None:
            self._barrier.wait(timeout=10)
        with self._lock:
            self._now -= 1
        if any("break" in prompt for prompt in prompts):
            raise ModelError("broken")
        if any("no" in prompt for prompt in prompts):
            raise ModelRefused("said no")
        if any("wait" in prompt for prompt in prompts):
            assert self.stopped.wait(timeout=60)
            raise ModelRefused("stopped")
        return [Refusal("cut") if "cut" in prompt else Reply(prompt.upper(), 100, 20) for prompt in prompts]

    def stop(self) -> None:
        self.stopped.set()

    @property
    def asked(self) -> list[str]:
        return [prompt for call in self.calls for prompt in call]


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store") as opened:
        yield opened


def asker(model: Echo, stored: Store, **keys: Any) -> Asker:
    values: dict[str, Any] = {"digests": {}, "price": Price(), "label": "test", **keys}
    return Asker(model, stored=stored, **values)


def test_answers_keep_the_order_and_equal_requests_are_sent_once(stored: Store) -> None:
    model, prompts = Echo(), ["a", "b", "a", "c", "b"]
    found = asker(model, stored).ask(lambda row: Request(prompts[row]), 5, attempt=0)
    assert [answer.text for answer in found if isinstance(answer, Reply)] == ["A", "B", "A", "C", "B"]
    assert sorted(model.asked) == ["a", "b", "c"] and len(stored) == 3


def test_what_the_store_has_is_not_asked(stored: Store) -> None:
    asker(Echo(), stored).ask(lambda row: Request(f"p{row}"), 10, attempt=0)
    later = Echo()
    found = asker(later, stored).ask(lambda row: Request(f"p{row}"), 15, attempt=0)
    assert sorted(later.asked) == [f"p{row}" for row in (10, 11, 12, 13, 14)]
    assert [answer.text for answer in found if isinstance(answer, Reply)] == [f"P{row}" for row in range(15)]
    again = Echo()
    asker(again, stored).ask(lambda row: Request(f"p{row}"), 2, attempt=1)
    assert sorted(again.asked) == ["p0", "p1"]  # another attempt is another request


def test_a_picture_is_known_by_what_it_holds_not_by_its_name(stored: Store, tmp_path: Path) -> None:
    first, same, other = tmp_path / "a.jpg", tmp_path / "b.jpg", tmp_path / "c.jpg"
    model = Echo()
    digests = {first: "1", same: "1", other: "2"}
    pictures = [first, same, other]
    asker(model, stored, digests=digests).ask(lambda row: Request("p", pictures[row]), 3, attempt=0)
    assert len(model.asked) == 2


def test_as_many_calls_are_under_way_as_the_model_bears_and_no_more(stored: Store) -> None:
    model = Echo(concurrency=3, together=3)  # a call continues only when three have begun
    asker(model, stored).ask(lambda row: Request(f"p{row}"), 30, attempt=0)
    assert model.most_at_once == 3 and len(stored) == 30


def test_a_call_holds_a_batch(stored: Store) -> None:
    model = Echo(batch=4, concurrency=1)
    asker(model, stored).ask(lambda row: Request(f"p{row}"), 10, attempt=0)
    assert [len(call) for call in model.calls] == [4, 4, 2]


def test_one_that_is_refused_leaves_its_neighbours_and_is_not_kept(stored: Store) -> None:
    model, prompts = Echo(batch=4, concurrency=1), ["a", "no", "b", "c", "d"]
    found = asker(model, stored).ask(lambda row: Request(prompts[row]), 5, attempt=0)
    assert found[1] == Refusal("said no")
    assert [answer.text for answer in found if isinstance(answer, Reply)] == ["A", "B", "C", "D"]
    later = Echo()
    asker(later, stored).ask(lambda row: Request(prompts[row]), 5, attempt=0)
    assert later.asked == ["no"]


def test_a_cut_or_blank_answer_in_a_batch_leaves_the_others_and_is_not_stored(stored: Store) -> None:
    model, prompts = Echo(batch=4, concurrency=1), ["a", "cut", " ", "b"]
    found = asker(model, stored).ask(lambda row: Request(prompts[row]), 4, attempt=0)
    assert found == [Reply("A", 100, 20), Refusal("cut"), Refusal("the answer is blank"), Reply("B", 100, 20)]
    assert len(model.calls) == 1 and len(stored) == 2
    later = Echo()
    asker(later, stored).ask(lambda row: Request(prompts[row]), 4, attempt=0)
    assert sorted(later.asked) == [" ", "cut"]


@pytest.mark.parametrize("text", ["```\n```", '""', "\u200b", " \n\u200b\ufeff\u00a0", "\x00\x1b[", "...", "\ufffd"])
def test_an_answer_without_a_letter_is_blank(stored: Store, text: str) -> None:
    assert asker(Echo(), stored).ask(lambda row: Request(text), 1, attempt=0) == [Refusal("the answer is blank")]
    assert len(stored) == 0


def test_an_error_ends_the_run_and_what_was_answered_is_kept(stored: Store) -> None:
    model, prompts = Echo(concurrency=1), ["a", "b", "break", *"cdefghijk"]
    with pytest.raises(ModelError, match="broken"):
        asker(model, stored).ask(lambda row: Request(prompts[row]), len(prompts), attempt=0)
    assert len(stored) >= 2 and len(model.asked) <= 5  # and it does not continue to the end


def test_who_waits_for_a_busy_server_is_woken_by_an_error_and_not_by_the_end(stored: Store) -> None:
    model = Echo(concurrency=2)
    asker(model, stored).ask(lambda row: Request(f"p{row}"), 10, attempt=0)
    assert not model.stopped.is_set()  # it is requested again
    prompts = ["wait", "break"]
    with pytest.raises(ModelError, match="broken"):
        asker(model, stored).ask(lambda row: Request(prompts[row]), 2, attempt=0)
    assert model.stopped.is_set()


def test_refusals_in_a_row_end_the_run_and_scattered_ones_do_not(stored: Store) -> None:
    model = Echo(concurrency=1)
    with pytest.raises(ModelError, match="all refused: said no"):
        asker(model, stored).ask(lambda row: Request(f"no {row}"), 500, attempt=0)
    assert GIVE_UP <= len(model.asked) <= GIVE_UP + 4
    scattered = [f"no {row}" if row % 10 else f"yes {row}" for row in range(10 * GIVE_UP)]
    found = asker(Echo(concurrency=1), stored).ask(lambda row: Request(scattered[row]), len(scattered), attempt=0)
    assert sum(isinstance(answer, Refusal) for answer in found) == 9 * GIVE_UP
    # On a second run they are adjacent, since the requests between them are answered.
    again = asker(Echo(concurrency=1), stored).ask(lambda row: Request(scattered[row]), len(scattered), attempt=0)
    assert again == found
    with pytest.raises(ModelError, match="all refused"):
        asker(Echo(concurrency=1), stored).ask(lambda row: Request(f"no, again {row}"), 500, attempt=0)


def test_tokens_and_cost_count_every_answer_once_whether_asked_now_or_before(stored: Store) -> None:
    prompts = ["a", "b", "a", "no"]
    for model in (Echo(), Echo()):
        one = asker(model, stored, price=Price(prompt=3.0, completion=15.0))
        one.ask(lambda row: Request(prompts[row]), 4, attempt=0)
        spent = one.spent()
        assert (spent.answers, spent.refused, spent.prompt_tokens, spent.completion_tokens) == (2, 1, 200, 40)
        assert spent.cost == pytest.approx((200 * 3.0 + 40 * 15.0) / 1e6)
