"""What the network counts about itself, for metrics and tests.

Counters only rise. Labels come from fixed sets (traffic kinds, drop reasons, offences),
never from what a peer sends, so their number is bounded.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum, unique


@unique
class Drop(StrEnum):
    """Why a message was not delivered or not sent."""

    SUBSCRIPTION_FULL = "subscription_full"
    NOT_ACCEPTED = "not_accepted"
    OVERSIZE = "oversize"
    MALFORMED = "malformed"
    FLOOD = "flood"
    BAD_SIGNATURE = "bad_signature"
    QUEUE_FULL = "queue_full"
    CHANNEL_FULL = "channel_full"
    DUPLICATE = "duplicate"
    STALLED = "stalled"


@unique
class Traffic(StrEnum):
    """The kinds of traffic that are counted apart."""

    GOSSIP = "gossip"
    CHANNEL = "channel"
    REQUEST = "request"


@dataclass(slots=True)
class Counters:
    """Totals since the network was opened. Bytes are payload bytes, without framing."""

    bytes_in: Counter[str] = field(default_factory=Counter)
    bytes_out: Counter[str] = field(default_factory=Counter)
    messages_in: Counter[str] = field(default_factory=Counter)
    messages_out: Counter[str] = field(default_factory=Counter)
    drops: Counter[str] = field(default_factory=Counter)
    offences: Counter[str] = field(default_factory=Counter)
    bans: int = 0
    dials: int = 0
    dial_failures: int = 0
    handler_errors: int = 0

    def received(self, kind: Traffic, size: int) -> None:
        """Count one message in, of `size` bytes."""
        self.messages_in[kind] += 1
        self.bytes_in[kind] += size

    def sent(self, kind: Traffic, size: int) -> None:
        """Count one message out, of `size` bytes."""
        self.messages_out[kind] += 1
        self.bytes_out[kind] += size
