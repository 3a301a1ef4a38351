"""A model behind an OpenAI-compatible address: vLLM, llama.cpp's server, transformers serve, a hosted one."""

import base64
import io
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from threading import Event

import httpx
from PIL import Image
from pydantic import BaseModel, Field, ValidationError
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
from training.triplets.answers import Reply, Request
from training.triplets.config import EndpointCaptioner, EndpointReformulator

LONGEST_WAIT_S = 60.0  # before a retry
LONGEST_RETRY_AFTER_S = 600.0  # even if the server requests more
JPEG_QUALITY = 90


class _Said(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Said


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Completion(BaseModel):
    """The used fields of a chat completion."""

    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


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
    model: str
    temperature: float | None
    max_tokens: int
    token_limit: str  # the server's name of the limit
    image_side: int  # pixels of an image's longer side, at most; 0 if no images are sent
    tries: int
    concurrency: int
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
            yield cls(
                client=client,
                model=section.model,
                temperature=section.temperature,
                max_tokens=section.max_tokens,
                token_limit=section.token_limit,
                image_side=image_side,
                tries=section.tries,
                concurrency=section.concurrency,
                first_wait_s=first_wait_s,
            )

    @property
    def name(self) -> str:
        """The model with all settings that its answers depend on; not the address, which may change."""
        facts = {"temperature": self.temperature, "max_tokens": self.max_tokens, "image_side": self.image_side}
        return " ".join([self.model, *(f"{name}={value}" for name, value in facts.items())])

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
            stop=stop_after_attempt(self.tries) | stop_when_event_set(self.stopped),
            wait=self._wait,
            sleep=sleep_using_event(self.stopped),
            retry=retry_if_exception_type(_Again),
            reraise=True,
        )
        try:
            completion: _Completion = retrying(self._post, body)
        except _Again as error:
            if not error.reached:
                raise ModelError(
                    f"{self.client.base_url} does not answer ({error}): check the address and that the server runs"
                ) from error
            raise ModelRefused(f"no answer after {self.tries} tries ({error})") from error
        usage = completion.usage or _Usage()
        text = completion.choices[0].message.content or ""
        return Reply(text, usage.prompt_tokens, usage.completion_tokens)

    def _wait(self, state: RetryCallState) -> float:
        """Return the seconds until the next try: growing, and never less than the server requests."""
        growing = wait_exponential(self.first_wait_s, max=LONGEST_WAIT_S) + wait_random(max=self.first_wait_s)
        error = state.outcome.exception() if state.outcome is not None else None
        return max(growing(state), error.after_s if isinstance(error, _Again) else 0.0)

    def _post(self, body: Mapping[str, object]) -> _Completion:
        try:
            response = self.client.post("chat/completions", json=body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _Again(f"{type(error).__name__} {error}".strip(), reached=False) from error
        except httpx.LocalProtocolError:  # its text may quote the key, and so would a cause
            raise ModelError(f"a request to {self.client.base_url} has an invalid header: check the key") from None
        except httpx.TransportError as error:  # time-outs, a connection cut short
            raise _Again(f"{type(error).__name__} {error}".strip()) from error
        status = response.status_code
        if status in (408, 409, 425, 429) or status >= 500:
            raise _Again(f"status {status}", after_s=_retry_after_s(response.headers.get("retry-after", "")))
        answered = self.answered.is_set()  # then neither key nor address is wrong, for any status of this request
        if status == 401 and not answered:
            raise ModelError(
                f"{self.client.base_url} refuses the key (status 401): name the variable that holds it with"
                " key_variable"
            )
        if status == 404 and not answered:
            raise ModelError(f"{response.url} is unknown there, or the model {self.model!r}: check url and model")
        # 403 too, since some hosts refuse a single prompt with it: a resume may begin with that prompt
        if status != 200:
            raise ModelRefused(f"status {status}: {' '.join(response.text[:300].split())}")
        try:
            completion = _Completion.model_validate_json(response.content)
        except ValidationError as error:
            raise _Again("the answer is not a chat completion") from error
        self.answered.set()
        return completion

    def _body(self, request: Request) -> dict[str, object]:
        content: object = request.prompt
        if request.image is not None:
            image = {"type": "image_url", "image_url": {"url": _data_url(request.image, side=self.image_side)}}
            content = [image, {"type": "text", "text": request.prompt}]
        messages = [{"role": "user", "content": content}]
        body = {"model": self.model, "messages": messages, self.token_limit: self.max_tokens}
        return body if self.temperature is None else {**body, "temperature": self.temperature}


def _client(section: EndpointCaptioner | EndpointReformulator) -> httpx.Client:
    headers = {"authorization": f"Bearer {_key(section)}"} if section.key_variable else {}
    return httpx.Client(
        base_url=section.url,
        headers=headers,
        timeout=httpx.Timeout(section.timeout_s, connect=10.0),
        limits=httpx.Limits(max_connections=section.concurrency),
    )


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


def _retry_after_s(value: str) -> float:
    """Return the seconds of a Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3)."""
    try:
        seconds = float(value) if value.strip().isdigit() else parsedate_to_datetime(value).timestamp() - time.time()
    except ValueError:
        return 0.0
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S)
