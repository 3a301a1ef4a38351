"""A token bucket: so many a second, and so many at once after a pause."""

ROUNDING = 1e-6  # tokens: whoever waited exactly as long as told is not sent away by a rounding


class TokenBucket:
    """Fills by `rate_per_s` tokens a second up to `burst`; full at first, and only touched from the event loop."""

    def __init__(self, *, rate_per_s: float, burst: int) -> None:
        self.rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = float(burst)
        self._filled_s = 0.0

    def take(self, count: int, *, now_s: float) -> float:
        """Takes `count` tokens and gives 0, or takes none and gives the seconds until it would.

        More than `burst` at once are taken from a full bucket, which then fills from below zero: otherwise no wait
        would ever be long enough for them.
        """
        self._tokens = min(self._burst, self._tokens + (now_s - self._filled_s) * self.rate_per_s)
        self._filled_s = now_s
        needed = min(count, self._burst)
        if self._tokens < needed - ROUNDING:
            return (needed - self._tokens) / self.rate_per_s
        self._tokens -= count
        return 0.0
