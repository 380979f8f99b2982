"""Retirements: energy that is consumed, the credit that it earns, and credits that are used up.

A kWh ceases to exist when it is retired, and so counts once: towards one consumer, one certificate
of origin, one credit. It is retired for one of two purposes:

- *against import*: it names a meter of the consumer, who signs, and covers what that meter took in
  in the same month (imports.py);
- *voluntarily*: it names no meter, covers nobody's import and may be any amount, in anybody's name.

Credits are issued to the consumer, for renewable lots, by the chain's rule (carbon/credits.py) with
the factors that were in force when the energy was made.
"""

from gtxnode.carbon.credits import avoided_gco2e_per_kwh
from gtxnode.ledger.authority.tariffs import tariffs_of
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import Retire, RetireCredits
from gtxnode.ledger.coins import Credit, Lot, meter_coin_id, output_id
from gtxnode.ledger.metering.imports import covered
from gtxnode.ledger.outcome import Retirement
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.ledger.transfers import balance, move, unbalanced_credits, unbalanced_energy
from gtxnode.metering.meters import Meter
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.tariffs.tables import EmissionFactors


def retire(state: BlockState, transaction: CheckedTransaction) -> None:
    """Consume energy. What the outputs do not return is retired."""
    body = transaction.body
    assert isinstance(body, Retire)
    left = balance(state, transaction, body.inputs, body.outputs)
    for origin, left_wh in left.left_wh.items():
        if left_wh < 0:
            raise unbalanced_energy(origin, left_wh)
    if left.left_mgco2e:
        raise unbalanced_credits(left.left_mgco2e)
    lots = tuple(Lot(left_wh, origin) for origin, left_wh in left.left_wh.items() if left_wh)
    if not lots:
        raise Refused(Reason.NOTHING_RETIRED, "outputs: all the energy of the inputs")
    meter = _meter_after(state, transaction, body, lots)
    credits_mg = _credits_mg(state, lots)
    credit_mg = sum(credits_mg)
    move(state, transaction, body.inputs, body.outputs, left)
    if meter is not None:
        state.coins.make(meter_coin_id(state.context.chain_id, meter.meter), meter)
    if credit_mg:
        coin_id = output_id(transaction.id, len(body.outputs))
        state.coins.make(coin_id, Credit(body.consumer, credit_mg))
        state.credits_issued_mgco2e += credit_mg
    state.retired_wh += sum(lot.amount_wh for lot in lots)
    state.retirements.append(
        Retirement(transaction.id, body.consumer, lots, body.meter, credits_mg)
    )


def retire_credits(state: BlockState, transaction: CheckedTransaction) -> None:
    """Use credits up. What the outputs do not return is gone."""
    body = transaction.body
    assert isinstance(body, RetireCredits)
    left = balance(state, transaction, body.inputs, body.outputs)
    for origin, left_wh in left.left_wh.items():
        if left_wh:
            raise unbalanced_energy(origin, left_wh)
    if left.left_mgco2e < 0:
        raise unbalanced_credits(left.left_mgco2e)
    if not left.left_mgco2e:
        raise Refused(Reason.NOTHING_RETIRED, "outputs: all the credits of the inputs")
    move(state, transaction, body.inputs, body.outputs, left)
    state.credits_retired_mgco2e += left.left_mgco2e


def _meter_after(
    state: BlockState, transaction: CheckedTransaction, body: Retire, lots: tuple[Lot, ...]
) -> Meter | None:
    """The consumer's meter with its import covered; None for a voluntary retirement."""
    if body.meter is None:
        return None
    meter = state.coins.get(meter_coin_id(state.context.chain_id, body.meter))
    if not isinstance(meter, Meter):
        raise Refused(Reason.UNREGISTERED_METER, f"meter {body.meter.hex()}")
    owners = (meter.owner,) if meter.former is None else (meter.owner, meter.former.owner)
    if body.consumer not in owners or body.consumer not in transaction.addresses:
        raise Refused(Reason.NOT_CONSUMER, f"meter {body.meter.hex()} is {meter.owner.hex()}'s")
    now_s = state.context.time_ms // 1_000
    return covered(meter, body.consumer, lots, now_s, state.context.parameters.carbon.open_months)


def _credits_mg(state: BlockState, lots: tuple[Lot, ...]) -> tuple[int, ...]:
    """What each lot earns."""
    rules, tariffs = state.context.parameters.carbon, tariffs_of(state, EmissionFactors)
    return tuple(
        lot.amount_wh
        * avoided_gco2e_per_kwh(
            rules, tariffs.at(EmissionFactors, lot.origin.start_s), lot.origin.source
        )
        for lot in lots
    )
