"""The Retry-After header of a busy server."""

import math
import time
from email.utils import parsedate_to_datetime


def retry_after_s(header: str) -> float:
    """Return the seconds of a Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3); 0 for others."""
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, OverflowError):
            return 0.0
    return 0.0 if math.isnan(seconds) else max(seconds, 0.0)
