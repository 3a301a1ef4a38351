"""Logs as JSON lines on stderr."""

import json
import logging
import sys
from datetime import UTC, datetime

from pydantic_core import to_json

from models.cli import is_unicode


class JsonLineFormatter(logging.Formatter):
    """Formats a record as one JSON object; `extra={"facts": {…}}` adds members."""

    def __init__(self, *, worker: int | None = None) -> None:
        """`worker` is the index of this process among several."""
        super().__init__()
        self._facts = {} if worker is None else {"worker": worker}

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without its line end."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= self._facts | getattr(record, "facts", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if is_unicode(sys.stderr):
            return to_json(line, fallback=str).decode()
        return json.dumps(line, default=str)


def configure(*, worker: int | None = None) -> None:
    """Sends every log of the process to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLineFormatter(worker=worker))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)  # Pillow warns about unusual images: these become JSON lines too
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # a caller's broken form is not our error
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # `serve` reports the address and the end itself
