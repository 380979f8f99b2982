"""How many messages per second one peer may send: a bucket of tokens. A pure piece."""

# A peer that stays over its rate is charged once in this time, not for every message.
CHARGE_EVERY_S = 1.0


class Rate:
    """A bucket that holds `burst` tokens and gains `per_s` of them each second."""

    __slots__ = ("_at", "_burst", "_charged_at", "_per_s", "_tokens")

    def __init__(self, per_s: float, burst: float, now: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._tokens = burst
        self._at = now
        self._charged_at = float("-inf")

    def takes(self, now: float) -> bool:
        """Whether one more message is within the rate; counts it if so."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_s)
        self._at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def is_first_over(self, now: float) -> bool:
        """Whether being over the rate is to be charged now."""
        if now - self._charged_at < CHARGE_EVERY_S:
            return False
        self._charged_at = now
        return True
