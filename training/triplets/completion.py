"""Parses what OpenAI-compatible servers send: a whole answer, a stream of parts, an error, or the page of a proxy."""

import html
import json
import re
from collections.abc import Iterator, Mapping

from models.errors import ModelRefused
from training.triplets.answers import Reply

LONGEST_SENTENCE = 300  # letters of a server's message that an error quotes
LONGEST_PAGE = 20_000  # bytes of a page that are searched for words

# finish_reason of whole answers, "" if the server sends none; every other reason means cut, filtered or broken off
_WHOLE = frozenset({"", "stop", "eos", "eos_token", "stop_sequence", "end_turn", "complete", "completed"})
_CUT = frozenset({"length", "max_tokens", "max_length", "model_length", "max_output_tokens"})
_BROKEN_OFF = frozenset({"error", "abort", "cancelled", "timeout", "network_error", "insufficient_system_resource"})

_NAMES = "think|thinking|thought|reasoning"
_TAG = re.compile(rf"(<(?:{_NAMES})>|\[THINK\]|◁think▷)|</(?:{_NAMES})>|\[/THINK\]|◁/think▷", re.IGNORECASE)
_STREAM = re.compile(rb"\s*(data|event|id|retry)?:")
_MARKUP = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)


class Failed(Exception):
    """The server sent an error or no completion, in place of an answer."""

    def __init__(self, reason: str, *, status: int | None = None) -> None:
        """`status` is the HTTP status in the error's body, None if there is none."""
        super().__init__(reason)
        self.status = status


def parse(data: bytes, *, max_tokens: int) -> Reply:
    """Return the answer of a response with status 200.

    Raises ModelRefused if the model gave none that is whole (cut, blank, filtered, a tool call), Failed if the body is
    an error or no completion.
    """
    body = _body(data)
    error = _error(body)
    if error:
        raise Failed(error, status=_status(body))
    choices = body.get("choices") if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(choices, list) or not choices:
        raise Failed(f"the answer is not a chat completion: {sentence(data)}")
    usage = body.get("usage")
    counts = usage if isinstance(usage, Mapping) else {}
    prompt, completion = _count(counts.get("prompt_tokens")), _count(counts.get("completion_tokens"))
    failures: list[Failed | ModelRefused] = []
    for choice in choices:
        try:
            # a server that does not say why it ended
            text = _text_of(choice, ended="length" if completion >= max_tokens else "", max_tokens=max_tokens)
            return Reply(text, prompt, completion)
        except (Failed, ModelRefused) as failure:
            failures.append(failure)
    raise failures[0]


def sentence(data: bytes) -> str:
    """Return the server's own message, on one line: of a JSON error, or the words of a page."""
    try:
        return _error(_body(data)) or _words(data)
    except Failed:
        return _words(data)


def cut(max_tokens: int) -> str:
    """Return the sentence about an answer that was cut at its limit."""
    return f"the answer was cut at max_tokens ({max_tokens}): raise it, or turn reasoning off"


def without_reasoning(text: str) -> str:
    """Remove what a reasoning model thinks between tags, also if the first or the last of the tags is missing."""
    answer, end, thinking = "", 0, False
    for tag in _TAG.finditer(text):
        if tag[1]:
            answer, thinking = answer if thinking else answer + text[end : tag.start()], True
        else:
            # the start that is missing is a part of the server's prompt
            answer, end, thinking = answer if thinking else "", tag.end(), False
    return (answer if thinking else answer + text[end:]).strip()


def _text_of(choice: object, *, ended: str, max_tokens: int) -> str:
    """Return the text of a choice; `ended` is its finish_reason if the choice has none."""
    if not isinstance(choice, Mapping):
        raise Failed("the answer is not a chat completion: a choice is no object")
    error = _message(choice.get("error"))
    if error:  # of a provider behind a router
        raise Failed(error, status=_status(choice))
    message = choice.get("message")
    fields = message if isinstance(message, Mapping) else choice
    content, reason = fields.get("content"), str(choice.get("finish_reason") or ended).lower()
    refusal = _text(fields.get("refusal")) or _parts(content, "refusal")
    if refusal:
        raise ModelRefused(f"the model refuses: {_line(refusal)}")
    if reason in _CUT:
        raise ModelRefused(cut(max_tokens))
    if reason in _BROKEN_OFF:
        raise Failed(f"the answer was broken off (finish_reason {reason})")
    given = _whole(_text(content) or _text(choice.get("text")))
    text = without_reasoning(given)
    if text and reason in _WHOLE:
        return text
    if fields.get("tool_calls") or fields.get("function_call"):
        raise ModelRefused("the model called a tool and gave no answer")
    if reason not in _WHOLE:
        raise ModelRefused(f"the server ended the answer early (finish_reason {_line(reason)})")
    hidden = [content] if isinstance(content, list) else []
    thought = given.strip() or any([*hidden, fields.get("reasoning_content"), fields.get("reasoning")])
    raise ModelRefused("the answer holds only reasoning" if thought else "the answer is blank")


def _text(content: object) -> str:
    """Return the text of a content: a string, or a list of parts, of which only text counts."""
    return content if isinstance(content, str) else _parts(content, "text")


def _parts(content: object, field: str) -> str:
    if not isinstance(content, list):
        return ""
    kinds = {"text": ("text", "output_text"), "refusal": ("refusal",)}[field]
    texts = (part.get(field) for part in content if isinstance(part, Mapping) and part.get("type", "text") in kinds)
    return "".join(text for text in texts if isinstance(text, str))


def _whole(text: str) -> str:
    """Return the text with a replacement character for each half of a surrogate pair, which no file can hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _count(value: object) -> int:
    """Return a count of tokens, 0 if the server sent none."""
    return int(value) if isinstance(value, int | float) and 0 <= value < 2**53 else 0


def _error(body: object) -> str:
    """Return the message of an error body, "" if it is none."""
    if not isinstance(body, Mapping):
        return ""
    error = _message(body.get("error"))
    if error or "choices" in body or "finish_reason" in body:
        return error
    return next((text for name in ("message", "detail", "errors") if (text := _message(body.get(name)))), "")


def _message(error: object) -> str:
    if isinstance(error, str):
        return _line(error)
    if isinstance(error, list):
        return _line("; ".join(filter(None, map(_message, error))))
    if isinstance(error, Mapping):
        return next((text for name in ("message", "msg", "detail", "error") if (text := _message(error.get(name)))), "")
    return ""


def _status(body: object) -> int | None:
    """Return the HTTP status that an error body names."""
    error = body.get("error") if isinstance(body, Mapping) else None
    for fields in (error, body):
        for name in ("code", "status", "status_code"):
            code = fields.get(name) if isinstance(fields, Mapping) else None
            if re.fullmatch(r"[45]\d\d", str(code), re.ASCII):
                return int(str(code))
    return None


def _line(text: str) -> str:
    """Return the beginning of a text on one line, without what a terminal would obey."""
    printable = "".join(letter if letter.isprintable() else " " for letter in _whole(text[: 10 * LONGEST_SENTENCE]))
    return " ".join(printable.split())[:LONGEST_SENTENCE]


def _words(page: bytes) -> str:
    return _line(html.unescape(_MARKUP.sub(" ", page[:LONGEST_PAGE].decode(errors="replace"))))


def _body(data: bytes) -> object:
    """Return the JSON of a body, whole or streamed."""
    try:
        if _STREAM.match(data):
            return _joined(_events(data))
        body = json.loads(data)
    except (ValueError, RecursionError) as error:  # invalid UTF-8 is a ValueError too
        raise Failed(f"the answer is not a chat completion: {_words(data)}") from error
    return body[0] if isinstance(body, list) and body else body


def _events(data: bytes) -> Iterator[Mapping[str, object]]:
    """Yield the events of a stream."""
    for line in re.split(r"\r\n|\r|\n", data.decode("utf-8-sig")):  # str.splitlines would split inside a text
        name, _, value = line.partition(":")
        if name == "data" and value.strip():
            event = {"ended": True} if value.strip() == "[DONE]" else json.loads(value)
            if isinstance(event, Mapping):
                yield event


def _joined(events: Iterator[Mapping[str, object]]) -> Mapping[str, object]:
    """Join a streamed answer into one completion; raises Failed if the connection ended before the answer did."""
    whole: dict[str, object] = {}
    message: dict[str, object] = {}
    content, refusal, reason = "", "", ""
    for event in events:
        if _error(event):
            return event
        whole |= {name: value for name, value in event.items() if value and name != "choices"}
        choices = event.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, Mapping) and choice.get("index") in (0, None):
                delta = choice.get("delta")
                part = delta if isinstance(delta, Mapping) else choice
                message |= {name: value for name, value in part.items() if value}
                content += _text(part.get("content")) or _text(part.get("text"))
                refusal += _text(part.get("refusal"))
                reason = str(choice.get("finish_reason") or reason)
    if not reason and "ended" not in whole:
        raise Failed("the answer was broken off: its stream has no end")
    message |= {"content": content, "refusal": refusal}
    return {**whole, "choices": [{"message": message, "finish_reason": reason}]}
