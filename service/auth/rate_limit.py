"""Token bucket: a rate per second, and a burst after a pause."""

ROUNDING = 1e-6  # tokens: a caller that waited exactly as long as required must not fail by a rounding error


class TokenBucket:
    """Fills by `rate_per_s` tokens a second up to `burst`; starts full, and is only used from the event loop."""

    def __init__(self, *, rate_per_s: float, burst: int) -> None:
        self.rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = float(burst)
        self._filled_s = 0.0

    def take(self, count: int, *, now_s: float, before: int = 0) -> float:
        """Takes `count` tokens and returns 0, or takes none and returns the seconds to wait.

        `before` tokens were taken for the same call a moment ago, and are given back if the rest is missing. More than
        `burst` tokens are taken from a full bucket, whose level then becomes negative; otherwise no wait would ever be
        long enough for them.
        """
        self._tokens = min(self._burst, self._tokens + (now_s - self._filled_s) * self.rate_per_s)
        self._filled_s = now_s
        self._tokens += before
        needed = min(before + count, self._burst)
        if self._tokens < needed - ROUNDING:
            return (needed - self._tokens) / self.rate_per_s
        self._tokens -= before + count
        return 0.0

    def take_first(self, *, now_s: float) -> float:
        """Takes one token of a number that is not known yet and returns 0, or the seconds until the bucket is full."""
        wait_s = self.take(1, now_s=now_s)
        return wait_s and (self._burst - self._tokens) / self.rate_per_s
