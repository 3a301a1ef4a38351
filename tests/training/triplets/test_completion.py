"""Chat completions as servers send them: only a whole text is an answer, and every error keeps the server's words."""

import json

import pytest

from models.errors import ModelRefused
from training.triplets import completion
from training.triplets.answers import Reply
from training.triplets.completion import Failed

pytestmark = pytest.mark.torch  # for the extra triplets
USAGE = {"prompt_tokens": 10, "completion_tokens": 3}


def parse(content: object, *, finish_reason: object = "stop", usage: object = USAGE, **message: object) -> Reply:
    """Parse a completion of one choice."""
    choice = {"message": {"role": "assistant", "content": content, **message}, "finish_reason": finish_reason}
    return completion.parse(json.dumps({"choices": [choice], "usage": usage}).encode(), max_tokens=64)


@pytest.mark.parametrize(
    "content",
    [
        "a coat",
        " a coat\n",
        "<think>hm, a hat?</think>\n\na coat",
        "hm, a hat?</think>a coat",
        "<Thinking>\nhm\n</Thinking> a coat",
        "[THINK]hm[/THINK]a coat",
        "a coat<think>hm</think>",
        "<think>hm</think>a <think><think>hm</think>coat",
        [{"type": "text", "text": "a coat"}],
        [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "a coat"}],
        [{"type": "text", "text": "a "}, {"type": "output_text", "text": "coat"}, {"type": "reference", "text": "x"}],
    ],
)
def test_the_text_is_read_without_the_reasoning(content: object) -> None:
    assert parse(content, reasoning_content="hm") == Reply("a coat", 10, 3)


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (None, (0, 0)),
        ({}, (0, 0)),
        ([], (0, 0)),
        ({"prompt_tokens": 10, "completion_tokens": None}, (10, 0)),
        ({"prompt_tokens": "10", "completion_tokens": -1}, (0, 0)),
        ({"prompt_tokens": 10.0, "completion_tokens": 1e300}, (10, 0)),
        ({"prompt_tokens": float("nan"), "completion_tokens": 2**80}, (0, 0)),
    ],
)
def test_a_good_answer_stays_one_whatever_the_usage_is(usage: object, counts: tuple[int, int]) -> None:
    assert parse("a coat", usage=usage) == Reply("a coat", *counts)


@pytest.mark.parametrize("reason", ["stop", "STOP", "eos", "end_turn", "", None])
def test_the_reasons_of_a_whole_answer(reason: str | None) -> None:
    assert parse("a coat", finish_reason=reason).text == "a coat"


@pytest.mark.parametrize("reason", ["length", "max_tokens", "MAX_TOKENS", "model_length"])
@pytest.mark.parametrize("content", ["a coat with", "", None])
def test_a_cut_answer_is_refused_and_the_limit_named(reason: str, content: str | None) -> None:
    with pytest.raises(ModelRefused, match=r"cut at max_tokens \(64\)"):
        parse(content, finish_reason=reason)


def test_without_a_reason_an_answer_at_the_limit_is_cut() -> None:
    with pytest.raises(ModelRefused, match="cut at max_tokens"):
        parse("a coat with", finish_reason=None, usage={"completion_tokens": 64})
    assert parse("a coat", usage={"completion_tokens": 64}).text == "a coat"


@pytest.mark.parametrize(
    ("message", "reason", "sentence"),
    [
        ({"content": ""}, "stop", "blank"),
        ({"content": None}, "stop", "blank"),
        ({}, "stop", "blank"),
        ({"content": []}, "stop", "blank"),
        ({"content": None, "reasoning_content": "hm"}, "stop", "only reasoning"),
        ({"content": "<think>hm"}, "stop", "only reasoning"),
        ({"content": [{"type": "thinking", "thinking": "hm"}]}, "stop", "only reasoning"),
        ({"content": None, "refusal": "I can't help with that."}, "stop", "refuses: I can't help with that."),
        ({"content": [{"type": "refusal", "refusal": "No."}]}, "stop", "refuses: No."),
        ({"content": "a co"}, "content_filter", "finish_reason content_filter"),
        ({"content": None, "tool_calls": [{"id": "1"}]}, "tool_calls", "called a tool"),
    ],
)
def test_what_is_no_answer_is_refused_with_the_reason(message: dict[str, object], reason: str, sentence: str) -> None:
    body = {"choices": [{"message": message, "finish_reason": reason}]}
    with pytest.raises(ModelRefused, match=sentence):
        completion.parse(json.dumps(body).encode(), max_tokens=64)


@pytest.mark.parametrize("reason", ["error", "abort", "insufficient_system_resource"])
def test_an_answer_that_the_server_broke_off_may_be_tried_again(reason: str) -> None:
    with pytest.raises(Failed, match=reason):
        parse("a co", finish_reason=reason)


@pytest.mark.parametrize(
    ("body", "sentence", "status"),
    [
        ({"error": {"message": "Insufficient credits", "code": 402}}, "Insufficient credits", 402),
        ({"error": {"message": "Busy", "code": "503"}, "choices": None}, "Busy", 503),
        ({"error": {"message": "Quota", "code": "insufficient_quota"}}, "Quota", None),
        ({"error": "model is loading"}, "model is loading", None),
        ({"error": True, "message": "no credit"}, "no credit", None),
        ([{"error": {"message": "API key not valid", "code": 400}}], "API key not valid", 400),
        ({"object": "error", "message": "too long", "code": 400}, "too long", 400),
        ({"choices": [{"error": {"message": "Provider down", "code": 502}, "message": {"content": "a"}}]}, "down", 502),
        ({"error": {"message": "red\x1b[31m \nline " + "x" * 9999}}, r"^red \[31m line x{286}$", None),
        ({"choices": []}, "not a chat completion", None),
        ({"choices": ["a"]}, "not a chat completion", None),
        ({}, "not a chat completion", None),
        ("a coat", "not a chat completion: .*a coat", None),
    ],
)
def test_an_error_inside_a_200_keeps_its_sentence_and_status(body: object, sentence: str, status: int | None) -> None:
    with pytest.raises(Failed, match=sentence) as raised:
        completion.parse(json.dumps(body).encode(), max_tokens=64)
    assert raised.value.status == status


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b"[" * 100_000, b"<html>", b"data: {\n\n", b'{"choices": [{'])
def test_a_body_that_is_no_completion_fails(data: bytes) -> None:
    with pytest.raises(Failed, match="not a chat completion"):
        completion.parse(data, max_tokens=64)


def test_half_a_surrogate_pair_costs_no_answer() -> None:
    assert parse("a coat \ud83d\udc57 \ud83d").text == "a coat 👗 \ufffd"


def test_the_first_choice_with_an_answer_counts() -> None:
    choices = [
        {"message": {"content": ""}, "finish_reason": "content_filter"},
        {"message": {"content": "a coat"}, "finish_reason": "stop"},
        {"message": {"content": "a hat"}, "finish_reason": "stop"},
    ]
    assert completion.parse(json.dumps({"choices": choices}).encode(), max_tokens=64).text == "a coat"
    with pytest.raises(ModelRefused, match="content_filter"):
        completion.parse(json.dumps({"choices": choices[:1]}).encode(), max_tokens=64)


def stream(*events: object, end: str = "data: [DONE]\n\n", line: str = "\n") -> bytes:
    text = ": waiting\n\n" + "".join(f"data: {json.dumps(event, ensure_ascii=False)}\n\n" for event in events) + end
    return text.replace("\n", line).encode()


def delta(content: object, *, finish_reason: str | None = None, **fields: object) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": {"content": content, **fields}, "finish_reason": finish_reason}]}


@pytest.mark.parametrize("line", ["\n", "\r\n"])
def test_a_stream_is_joined(line: str) -> None:
    events = [delta(None, reasoning_content="hm"), delta("a\u2028"), delta("coat"), delta("", finish_reason="stop")]
    found = completion.parse(stream(*events, {"choices": [], "usage": USAGE}, line=line), max_tokens=64)
    assert found == Reply("a\u2028coat", 10, 3)


def test_a_stream_that_is_cut_broken_off_or_an_error_is_no_answer() -> None:
    with pytest.raises(ModelRefused, match="cut at max_tokens"):
        completion.parse(stream(delta("a co"), delta("", finish_reason="length")), max_tokens=64)
    with pytest.raises(Failed, match="broken off"):
        completion.parse(stream(delta("a co"), end=""), max_tokens=64)
    with pytest.raises(Failed, match="overloaded") as raised:
        completion.parse(stream(delta("a co"), {"error": {"message": "overloaded", "code": 529}}), max_tokens=64)
    assert raised.value.status == 529
