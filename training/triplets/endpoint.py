"""A model behind an OpenAI-compatible address: vLLM, llama.cpp's server, transformers serve, a hosted one."""

import base64
import io
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import httpx
from PIL import Image
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_attempt,
    stop_when_event_set,
    wait_exponential,
    wait_random,
)

from models import preprocess
from models.errors import ConfigError, InputError, ModelError, ModelRefused
from models.retry_after import retry_after_s
from training.triplets import completion
from training.triplets.answers import Reply, Request
from training.triplets.config import EndpointCaptioner, EndpointReformulator

LONGEST_WAIT_S = 60.0  # before a retry
LONGEST_RETRY_AFTER_S = 600.0  # even if the server requests more
LARGEST_ANSWER_BYTES = 8 * 1024 * 1024
JPEG_QUALITY = 90


class _Again(Exception):
    """This try failed, the next one may succeed."""

    def __init__(self, reason: str, *, after_s: float = 0.0, reached: bool = True) -> None:
        super().__init__(reason)
        self.after_s = after_s
        self.reached = reached


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Sends one request per call; many threads may call at the same time."""

    client: httpx.Client
    section: EndpointCaptioner | EndpointReformulator
    image_side: int  # pixels of an image's longer side, at most; 0 if no images are sent
    first_wait_s: float  # before a retry; doubled each time, with up to as much at random
    batch: int = 1
    answered: Event = field(default_factory=Event)  # once
    stopped: Event = field(default_factory=Event)  # no request is tried again

    @classmethod
    @contextmanager
    def open(
        cls, section: EndpointCaptioner | EndpointReformulator, *, image_side: int = 0, first_wait_s: float = 1.0
    ) -> Iterator["Endpoint"]:
        """Open the model of a config; raises ConfigError if the variable that should hold the API key is empty."""
        with _client(section) as client:
            yield cls(client, section, image_side, first_wait_s)

    @property
    def concurrency(self) -> int:
        """The most calls at the same time."""
        return self.section.concurrency

    @property
    def name(self) -> str:
        """The model with all settings that whole answers depend on; not the address, which may change."""
        facts = {"temperature": self.section.temperature, "image_side": self.image_side}
        return " ".join([self.section.model, *(f"{name}={value}" for name, value in facts.items())])

    def answer(self, requests: Sequence[Request]) -> list[Reply]:
        """Return the replies.

        Raises ModelRefused for a request that the server keeps refusing, ModelError if it has answered none and the
        address, key or model is wrong.
        """
        return [self._reply(request) for request in requests]

    def stop(self) -> None:
        """End the waits for a busy server: the waiting calls are refused immediately."""
        self.stopped.set()

    def _reply(self, request: Request) -> Reply:
        body = self._body(request)
        retrying = Retrying(
            stop=stop_after_attempt(self.section.tries) | stop_when_event_set(self.stopped),
            wait=self._wait,
            sleep=sleep_using_event(self.stopped),
            retry=retry_if_exception_type(_Again),
            reraise=True,
        )
        try:
            reply: Reply = retrying(self._post, body)
        except _Again as error:
            if not error.reached:
                raise ModelError(
                    f"{self.client.base_url} does not answer ({error}): check the address and that the server runs"
                ) from error
            raise ModelRefused(f"no answer after {self.section.tries} tries ({error})") from error
        return reply

    def _wait(self, state: RetryCallState) -> float:
        """Return the seconds until the next try: growing, and never less than the server requests."""
        growing = wait_exponential(self.first_wait_s, max=LONGEST_WAIT_S) + wait_random(max=self.first_wait_s)
        error = state.outcome.exception() if state.outcome is not None else None
        return max(growing(state), error.after_s if isinstance(error, _Again) else 0.0)

    def _post(self, body: Mapping[str, object]) -> Reply:
        response, data = self._sent(body)
        status, reason = response.status_code, ""
        if status in (200, 201):
            try:
                reply = completion.parse(data, max_tokens=self.section.max_tokens)
            except ModelRefused:
                self.answered.set()
                raise
            except completion.Failed as error:
                if error.status is None:
                    raise _Again(self._without_key(str(error))) from error
                status, reason = error.status, str(error)  # an error that came with status 200
            else:
                self.answered.set()
                return reply
        reason = f"status {status}: {self._without_key(reason or completion.sentence(data)) or 'no reason given'}"
        if status in (408, 409, 425, 429) or status >= 500:
            wait_s = retry_after_s(response.headers.get("retry-after", ""))
            raise _Again(reason, after_s=min(wait_s, LONGEST_RETRY_AFTER_S))
        # 403 too, since some hosts refuse a single prompt with it: a resume may begin with that prompt
        if self.answered.is_set() or (status not in (401, 404) and not response.is_redirect):
            raise ModelRefused(reason)
        if status == 401:
            raise ModelError(
                f"{self.client.base_url} refuses the key ({reason}): name the variable that holds it with key_variable"
            )
        if status == 404:
            raise ModelError(
                f"{response.url} is unknown, or the model {self.section.model!r} ({reason}): check url and model"
            )
        raise ModelError(f"{response.url} redirects to {response.headers.get('location')}: put that address into url")

    def _sent(self, body: Mapping[str, object]) -> tuple[httpx.Response, bytes]:
        """Send the request, and read the response within its limits of time and size."""
        end = time.monotonic() + self.section.timeout_s
        data = bytearray()
        try:
            with self.client.stream("POST", "chat/completions", json=body) as response:
                for part in response.iter_bytes():
                    data += part
                    if len(data) > LARGEST_ANSWER_BYTES:
                        raise _Again(f"the answer has more than {LARGEST_ANSWER_BYTES} bytes")
                    if time.monotonic() > end:
                        raise _Again(f"the answer was not complete after {self.section.timeout_s:g} s")
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _Again(f"{type(error).__name__} {error}".strip(), reached=False) from error
        except httpx.LocalProtocolError:  # its text may quote the key, and so would a cause
            raise ModelError(f"a request to {self.client.base_url} has an invalid header: check the key") from None
        except httpx.RequestError as error:  # time-outs, a connection cut short, a damaged encoding
            raise _Again(f"{type(error).__name__} {error}".strip()) from error
        return response, bytes(data)

    def _without_key(self, text: str) -> str:
        """Return a server's message without the API key, which some servers quote."""
        key = self.client.headers.get("authorization", "").removeprefix("Bearer ")
        return text.replace(key, "…") if key else text

    def _body(self, request: Request) -> dict[str, object]:
        content: object = request.prompt
        if request.image is not None:
            image = {"type": "image_url", "image_url": {"url": _data_url(request.image, side=self.image_side)}}
            content = [image, {"type": "text", "text": request.prompt}]
        messages = [{"role": "user", "content": content}]
        body: dict[str, object] = {
            "model": self.section.model,
            "messages": messages,
            self.section.token_limit: self.section.max_tokens,
        }
        if self.section.temperature is not None:
            body["temperature"] = self.section.temperature
        if self.section.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body


def _client(section: EndpointCaptioner | EndpointReformulator) -> httpx.Client:
    headers = {"authorization": f"Bearer {_key(section)}"} if section.key_variable else {}
    try:
        return httpx.Client(
            base_url=section.url,
            headers=headers,
            timeout=httpx.Timeout(section.timeout_s, connect=10.0),
            limits=httpx.Limits(max_connections=section.concurrency),
        )
    except httpx.InvalidURL as error:
        raise ConfigError(f"url {section.url!r} is no address ({error}): write it up to and with /v1") from error


def _key(section: EndpointCaptioner | EndpointReformulator) -> str:
    """Return the API key, without the line end that a mounted secret has; no error ever quotes it."""
    key = os.environ.get(section.key_variable, "").strip()
    if not key:
        raise ConfigError(
            f"the environment variable {section.key_variable} is empty: set it to the API key of {section.url}"
        )
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(
            f"the environment variable {section.key_variable} holds what no HTTP header may: "
            f"put only the API key of {section.url} into it"
        )
    return key


def _data_url(path: Path, *, side: int) -> str:
    """Return the image upright in RGB, its longer side at most `side` pixels, as a JPEG in a data URL."""
    try:
        image = preprocess.decode(path.read_bytes())
    except (OSError, InputError) as error:
        raise ModelRefused(f"{path} cannot be read as an image ({error})") from error
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
