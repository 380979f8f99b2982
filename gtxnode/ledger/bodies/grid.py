"""The grid: its condition, its limits, and money for its fund."""

from typing import Annotated

import msgspec

from gtxnode.grid.model import Limit
from gtxnode.grid.status import GridStatus
from gtxnode.ledger.authority.acts import IssuedMs
from gtxnode.ledger.bodies.fields import Change, Inputs
from gtxnode.ledger.coins import Amount
from gtxnode.metering.meters import Seconds
from gtxnode.primitives.zones import Zone

Zones = Annotated[tuple[Zone, ...], msgspec.Meta(min_length=1, max_length=len(Zone))]


class PostGridStatus(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=30):
    """EGAT says in which condition the grid of some zones is. It pays no fee."""

    zones: Zones
    """Sorted, each once."""
    status: GridStatus
    issued_ms: IssuedMs


class SetCorridorLimits(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=31):
    """EGAT limits a corridor over a range of slots. It pays no fee."""

    first: Zone
    second: Zone
    """As the grid model has the two."""
    start_s: Seconds
    end_s: Seconds
    """Where slots begin and end; the limit holds for all between."""
    forward_mw: Limit
    """From first to second."""
    backward_mw: Limit
    issued_ms: IssuedMs


class SetZoneLimits(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=32):
    """The utility of a zone limits what is sold out of it, or delivered in it. It pays no fee."""

    zone: Zone
    start_s: Seconds
    end_s: Seconds
    sold_mw: Limit | None
    """None for no limit."""
    delivered_mw: Limit | None
    issued_ms: IssuedMs


class FundGrid(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=33):
    """Pay into the fund out of which curtailment is compensated. Anyone may, EGAT is to."""

    inputs: Inputs
    amount_ugtx: Amount
    outputs: Change = ()
    """With the amount and the fee, what the inputs come to."""
