"""An OpenAI-compatible address: requests, retries and their waits, and errors that end a run."""

import base64
import io
import json
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from PIL import Image

from models.errors import ConfigError, ModelError, ModelRefused
from tests.training.triplets.scripted import Answer, Script, Server, says, serving
from training.triplets.answers import Reply, Request
from training.triplets.config import EndpointCaptioner, EndpointReformulator
from training.triplets.endpoint import Endpoint


@contextmanager
def opened(server: Server, *, first_wait_s: float = 0.01, **keys: object) -> Iterator[Endpoint]:
    """Open the server's address with these keys of a config."""
    section = EndpointCaptioner.model_validate({"kind": "endpoint", "url": server.url, "model": "m", "tries": 4} | keys)
    with Endpoint.open(section, image_side=section.image_side, first_wait_s=first_wait_s) as endpoint:
        yield endpoint


def ask(server: Server, *requests: Request, first_wait_s: float = 0.01, **keys: object) -> list[Reply]:
    """Open the address and send a request."""
    with opened(server, first_wait_s=first_wait_s, **keys) as endpoint:
        return endpoint.answer(requests)


def script(*answers: Answer) -> Script:
    """Answer in turn; the last answer repeats."""
    return lambda number, asked: answers[min(number, len(answers) - 1)]


def test_the_picture_goes_with_the_prompt_upright_small_and_as_jpeg(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90°
    Image.new("RGB", (1600, 800), "red").save(tmp_path / "a.jpg", exif=exif)
    with serving(script(says("a coat"))) as server:
        found = ask(server, Request("Describe.", tmp_path / "a.jpg"), image_side=64, max_tokens=9)
    assert found == [Reply("a coat", 10, 3)]
    (asked,) = server.asked
    head, data = asked.picture.split(",")
    with Image.open(io.BytesIO(base64.b64decode(data))) as sent:
        assert (head, sent.format, sent.size) == ("data:image/jpeg;base64", "JPEG", (32, 64))
    assert asked.text == "Describe." and asked.key == ""
    assert {key: asked.body[key] for key in ("model", "max_tokens", "temperature")} == {
        "model": "m",
        "max_tokens": 9,
        "temperature": 0.0,
    }


def test_the_limit_is_called_as_the_server_calls_it() -> None:
    with serving(script(says("x"))) as server:
        ask(server, Request("hello"), token_limit="max_completion_tokens", temperature=0.5)
    (asked,) = server.asked
    assert asked.body["max_completion_tokens"] == 256 and "max_tokens" not in asked.body
    assert asked.body["temperature"] == 0.5


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "s3cret")
    with serving(script(says("x"))) as server:
        ask(server, Request("hello"), key_variable="SHOP_KEY")
        assert server.asked[0].key == "Bearer s3cret"
        monkeypatch.setenv("SHOP_KEY", "s3cret\n")  # as a mounted secret
        ask(server, Request("hello"), key_variable="SHOP_KEY")
        assert server.asked[1].key == "Bearer s3cret"
        monkeypatch.delenv("SHOP_KEY")
        with pytest.raises(ConfigError, match="SHOP_KEY is empty"):
            ask(server, Request("hello"), key_variable="SHOP_KEY")


@pytest.mark.parametrize("key", ["s3c\nret", "s3c\x7fret", "s3crét"])
def test_a_key_that_no_header_may_hold_is_refused_without_quoting_it(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", key)
    with pytest.raises(ConfigError, match="SHOP_KEY holds what no HTTP header may") as raised:
        ask(Server("http://127.0.0.1:9/v1", []), Request("hello"), key_variable="SHOP_KEY")
    assert "s3c" not in str(raised.value)


def test_a_request_that_is_no_http_ends_the_run_and_quotes_no_header() -> None:
    with (
        serving(script(says("x"))) as server,
        opened(server, tries=1) as endpoint,
        pytest.raises(ModelError, match="check the key") as raised,
    ):
        endpoint.client.headers["authorization"] = "Bearer s3cret\n"
        endpoint.answer([Request("hello")])
    assert not isinstance(raised.value, ModelRefused)
    assert "s3cret" not in "".join(traceback.format_exception(raised.value))


def test_busy_broken_and_garbled_answers_are_tried_again() -> None:
    answers = (Answer("busy", 429), Answer("oops", 500), Answer("<html>", 200), says("a coat"))
    with serving(script(*answers)) as server:
        assert ask(server, Request("hello"))[0].text == "a coat"
    assert len(server.asked) == 4


def test_the_wait_grows_with_every_try() -> None:
    with serving(script(Answer("", 503))) as server, pytest.raises(ModelRefused, match="no answer after 4 tries"):
        ask(server, Request("hello"), first_wait_s=0.1)
    waits = [later.at - sooner.at for sooner, later in zip(server.asked, server.asked[1:], strict=False)]
    assert len(waits) == 3  # 0.1, 0.2 and 0.4 s, and up to 0.1 s at random
    assert all(0.1 * 2**n <= wait < 0.1 * 2**n + 0.35 for n, wait in enumerate(waits)), waits


def test_a_server_that_says_when_is_not_asked_before() -> None:
    with serving(script(Answer("busy", 429, {"retry-after": "1"}), says("x"))) as server:
        ask(server, Request("hello"))
    assert server.asked[1].at - server.asked[0].at >= 1.0


def test_retry_after_is_waited_for_at_most_ten_minutes() -> None:
    begun = time.monotonic()
    busy = Answer("busy", 429, headers={"Retry-After": "0.3"})
    with serving(script(busy, says("done"))) as server:
        assert ask(server, Request("hello"))[0].text == "done"
    assert 0.3 <= time.monotonic() - begun < 5


def test_a_late_answer_is_waited_for_only_so_long() -> None:
    with serving(script(says("late", delay_s=2.0), says("in time"))) as server:
        begun = time.monotonic()
        assert ask(server, Request("hello"), timeout_s=0.3)[0].text == "in time"
        assert time.monotonic() - begun < 1.5


@pytest.mark.parametrize("status", [400, 403, 413, 422])
def test_one_request_that_is_refused_is_not_tried_again(status: int) -> None:
    sentence = f"status {status}: the picture is forbidden"
    answers = script(Answer("the picture is forbidden", status))
    with serving(answers) as server, pytest.raises(ModelRefused, match=sentence):
        ask(server, Request("hello"))
    assert len(server.asked) == 1


@pytest.mark.parametrize(("status", "sentence"), [(401, "refuses the key"), (404, "the model 'm'")])
def test_a_wrong_key_or_model_ends_the_run_at_once(status: int, sentence: str) -> None:
    with serving(script(Answer("no", status))) as server, pytest.raises(ModelError, match=sentence) as raised:
        ask(server, Request("hello"))
    assert not isinstance(raised.value, ModelRefused) and len(server.asked) == 1


@pytest.mark.parametrize("status", [401, 403, 404])
def test_once_it_has_answered_it_refuses_one_request_only(status: int) -> None:
    with (
        serving(script(says("a coat"), Answer("flagged", status), says("a hat"))) as server,
        opened(server) as endpoint,
    ):
        assert endpoint.answer([Request("hello")])[0].text == "a coat"
        with pytest.raises(ModelRefused, match=f"status {status}: flagged"):
            endpoint.answer([Request("flagged")])
        assert endpoint.answer([Request("hello")])[0].text == "a hat"


def test_a_refused_key_comes_with_the_servers_sentence_and_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "s3cret")
    wrong = Answer('{"error": {"message": "Incorrect API key provided: s3cret"}}', 401)
    with serving(script(wrong)) as server, pytest.raises(ModelError, match="Incorrect API key provided: …") as raised:
        ask(server, Request("hello"), key_variable="SHOP_KEY")
    assert "s3cret" not in "".join(traceback.format_exception(raised.value))


def test_an_error_inside_a_200_counts_as_its_status() -> None:
    error = Answer('{"error": {"message": "Rate limit of the free tier", "code": 429}}')
    poor = Answer('{"error": {"message": "Insufficient credits", "code": 402}}')
    with serving(script(error, says("a coat"))) as server:
        assert ask(server, Request("hello"))[0].text == "a coat"
    with serving(script(poor)) as server, pytest.raises(ModelRefused, match="status 402: Insufficient credits"):
        ask(server, Request("hello"))
    assert len(server.asked) == 1  # more tries would not pay the bill


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Answer('{"error": {"message": "Slow down, please"}}', 429), r"4 tries \(status 429: Slow down, please\)"),
        (Answer('{"error": "Engine overloaded"}'), r"4 tries \(Engine overloaded\)"),
        (Answer("<html><style>p {}</style><title>502 Bad Gateway</title></html>", 502), "status 502: 502 Bad Gateway"),
        (Answer("<html><h1>Sign in</h1></html>"), "not a chat completion: Sign in"),
        (Answer('{"detail": [{"loc": ["body"], "msg": "Field required"}]}', 422), "status 422: Field required"),
        (Answer('{"object": "error", "message": "no such model: m"}', 400), "status 400: no such model: m"),
        (Answer("", 500), r"4 tries \(status 500: no reason given\)"),
    ],
)
def test_the_servers_own_sentence_is_the_reason(answer: Answer, sentence: str) -> None:
    with serving(script(answer)) as server, pytest.raises(ModelRefused, match=sentence):
        ask(server, Request("hello"))


def test_a_connection_that_drops_in_the_middle_is_tried_again() -> None:
    with serving(script(replace(says("a coat"), dropped=True), says("a coat"))) as server:
        assert ask(server, Request("hello")) == [Reply("a coat", 10, 3)]
    assert len(server.asked) == 2


def test_a_damaged_encoding_and_an_endless_answer_are_tried_again() -> None:
    damaged, endless = Answer("no gzip", headers={"content-encoding": "gzip"}), Answer(" " * 9_000_000)
    with serving(script(damaged, endless, says("a coat"))) as server:
        assert ask(server, Request("hello"))[0].text == "a coat"


def test_an_answer_that_drips_ends_at_the_timeout() -> None:
    def dripping() -> Iterator[bytes]:
        while True:
            time.sleep(0.05)
            yield b": waiting\n"

    with opened(Server("http://127.0.0.1:9/v1", []), tries=1, timeout_s=0.5) as endpoint:
        transport = httpx.MockTransport(lambda request: httpx.Response(200, content=dripping()))
        slow = httpx.Client(base_url="http://127.0.0.1:9/v1", transport=transport)
        with pytest.raises(ModelRefused, match=r"not complete after 0\.5 s"):
            replace(endpoint, client=slow).answer([Request("hello")])


def test_a_streaming_server_is_asked_for_a_stream_and_read() -> None:
    parts = [{"choices": [{"delta": {"content": word}}]} for word in ("a ", "coat")]
    end = [{"choices": [{"delta": {}, "finish_reason": "stop"}]}, {"choices": [], "usage": {"completion_tokens": 2}}]
    body = "".join(f"data: {json.dumps(part)}\n\n" for part in [*parts, *end]) + "data: [DONE]\n\n"
    stream = Answer(body, headers={"content-type": "text/event-stream"})
    with serving(script(stream)) as server:
        assert ask(server, Request("hello"), stream=True) == [Reply("a coat", 0, 2)]
        assert server.asked[0].body["stream"] is True
        assert ask(server, Request("hello")) == [Reply("a coat", 0, 2)]  # it streams without being requested to
        assert "stream" not in server.asked[1].body


def test_a_redirect_names_the_address_to_write() -> None:
    moved = Answer("", 308, {"location": "http://b/v1/chat/completions"})
    with serving(script(moved)) as server, pytest.raises(ModelError, match="redirects to http://b/v1") as raised:
        ask(server, Request("hello"))
    assert not isinstance(raised.value, ModelRefused)


def test_a_url_that_is_no_address_is_refused() -> None:
    with pytest.raises(ConfigError, match="no address"), opened(Server("http://[::1/v1", [])):
        pass


def test_an_address_where_nothing_listens_ends_the_run() -> None:
    with serving(script(says("x"))) as server:
        pass
    with pytest.raises(ModelError, match="does not answer") as raised:
        ask(server, Request("hello"))
    assert not isinstance(raised.value, ModelRefused)


def test_an_address_that_never_takes_a_connection_ends_the_run_too() -> None:
    def unheard(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("", request=request)

    with opened(Server("http://127.0.0.1:9/v1", []), tries=2) as endpoint:
        silent = httpx.Client(base_url="http://127.0.0.1:9/v1", transport=httpx.MockTransport(unheard))
        with pytest.raises(ModelError, match=r"does not answer \(ConnectTimeout\)") as raised:
            replace(endpoint, client=silent).answer([Request("hello")])
    assert not isinstance(raised.value, ModelRefused)


def test_a_wait_for_a_busy_server_ends_when_it_is_stopped() -> None:
    busy = script(Answer("busy", 429, {"retry-after": "600"}))
    with serving(busy) as server, opened(server) as endpoint, ThreadPoolExecutor(1) as pool:
        call = pool.submit(endpoint.answer, [Request("hello")])
        while not server.asked:
            time.sleep(0.01)
        assert not call.done()
        endpoint.stop()
        with pytest.raises(ModelRefused):
            call.result(timeout=20)
    assert len(server.asked) <= 2


def test_a_picture_that_cannot_be_read_is_refused_without_asking(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with serving(script(says("x"))) as server, pytest.raises(ModelRefused, match=r"a\.jpg cannot be read"):
        ask(server, Request("Describe.", tmp_path / "a.jpg"))
    assert server.asked == []


def test_the_name_tells_apart_whatever_answers_otherwise_and_not_the_address() -> None:
    def name(**keys: object) -> str:
        values = {"kind": "endpoint", "url": "http://a/v1", "model": "m", **keys}
        with Endpoint.open(EndpointReformulator.model_validate(values)) as endpoint:
            return endpoint.name

    assert len({name(), name(model="n"), name(temperature=0.5)}) == 3
    assert name(url="http://b/v1", timeout_s=3.0, concurrency=2, tries=1, max_tokens=9) == name()
