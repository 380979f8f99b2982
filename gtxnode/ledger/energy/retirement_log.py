"""The log of retirements: what each of them says of itself for good, and how the log grows.

An entry is all that a certificate of origin certifies: who used up how much of which energy (by
origin, which names the meter and the interval), when, and the credit that it earned. Its leaf in
the tree is the tagged hash of its canonical encoding, under the chain's id.
"""

from collections.abc import Iterable
from typing import Annotated

import msgspec

from consensus.encoding import Codec, Hash32, Height
from consensus.hashing import domain
from consensus.merkle_log import Growth, grown
from gtxnode.ledger.bodies.fields import MAX_INPUTS
from gtxnode.ledger.coins import Lot, Total
from gtxnode.ledger.energy.retirement_coins import RetirementLog
from gtxnode.ledger.outcome import Retirement
from gtxnode.metering.meters import AddressBytes, MeterId


class Retired(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One retirement, as its block took it."""

    transaction: Hash32
    height: Height
    time_ms: Height
    consumer: AddressBytes
    meter: MeterId | None
    """The consumer's meter whose import it covers; None for a voluntary retirement."""
    lots: Annotated[tuple[Lot, ...], msgspec.Meta(min_length=1, max_length=MAX_INPUTS)]
    credits_mgco2e: Annotated[tuple[Total, ...], msgspec.Meta(max_length=MAX_INPUTS)]
    """What each lot earned, in their order."""


retired_codec: Codec[Retired] = Codec(Retired, max_bytes=65_536)


def entry_of(height: int, time_ms: int, retirement: Retirement) -> Retired:
    """What the log has of a retirement."""
    return Retired(
        retirement.transaction,
        height,
        time_ms,
        retirement.consumer,
        retirement.meter,
        retirement.lots,
        retirement.credits_mgco2e,
    )


def leaf_of(chain_id: str, entry: bytes) -> bytes:
    """An encoded entry's leaf, 32 bytes."""
    return domain("retirement", chain_id).hash(entry)


def appended(chain_id: str, log: RetirementLog | None, entries: Iterable[Retired]) -> Growth:
    """The log with more entries; `log` is None before the first."""
    leaves = (leaf_of(chain_id, retired_codec.encode(entry)) for entry in entries)
    return grown(log.total if log else 0, log.peaks if log else (), leaves)
