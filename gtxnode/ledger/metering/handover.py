"""A meter changes hands: a house is sold, or its tenant moves out.

The utility of the territory signs, alone: it keeps the register of who is connected, an owner may
be gone or may not want to sign, and whoever takes over may not have an address yet. What it can
not take is what was metered. An interval belongs to whoever owned the meter when it began:

- readings from before that come late, and what is held of suspect ones, are the former owner's;
- what he took in can still be covered by him, by nobody else, while its months are open;
- his open offers on the meter end, and their collateral goes back;
- his contracts stay his. Of what the meter exports in his time they are delivered; what it exports
  after is not his, and what is missing is paid to the buyers out of his collateral, when a reading
  has shown the slot, as ever. The new owner owes nobody anything.

One former owner is known at a time, so a meter changes hands again only once it was read up to the
last change, or its utility has restated its registers (`reset_meter`).
"""

from msgspec.structs import replace

from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import TransferMeter
from gtxnode.ledger.delivery import forwards
from gtxnode.ledger.metering.meters import to_change
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.metering.meters import FormerOwner, Meter
from gtxnode.primitives.errors import Reason, Refused


def transfer_meter(state: BlockState, transaction: CheckedTransaction) -> None:
    """Give a meter another owner."""
    body = transaction.body
    assert isinstance(body, TransferMeter)
    coin_id, meter = to_change(state, transaction, body)
    if body.owner == meter.owner:
        raise Refused(Reason.SAME_OWNER, f"owner {body.owner.hex()}")
    _check_time(state, meter, body.from_s)
    forwards.withdraw(state, meter.owner, meter.meter)
    back = meter.former if meter.former and meter.former.owner == body.owner else None
    changed = replace(
        meter,
        owner=body.owner,
        revision=body.revision,
        imports=() if back is None else back.imports,
        former=FormerOwner(meter.owner, body.from_s, meter.imports),
    )
    state.coins.make(coin_id, changed)


def _check_time(state: BlockState, meter: Meter, from_s: int) -> None:
    now_s, limits = state.context.time_ms // 1_000, state.context.parameters.readings
    if from_s < meter.end_s:
        raise Refused(
            Reason.OVERLAPPING_INTERVAL, f"from_s is {from_s}, last ended at {meter.end_s}"
        )
    if from_s > now_s + limits.max_future_s:
        raise Refused(
            Reason.READING_IN_FUTURE,
            f"from_s is {from_s - now_s} s ahead, at most {limits.max_future_s} s",
        )
    former = meter.former
    if former is not None and meter.end_s < former.until_s:
        raise Refused(
            Reason.OWNER_CHANGING,
            f"it changed hands at {former.until_s}, the last reading ended at {meter.end_s}",
        )
