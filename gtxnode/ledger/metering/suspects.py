"""Suspect readings: what they exported is held, and their utility releases or voids it.

What is held is not minted, so that every KWH token there is can be traded and retired: the totals
say beside it what is held and what was voided, and all three come to what meters exported. The
meter's registers have moved on, so voided energy never comes back by a later reading.
"""

from gtxnode.ledger.authority.mandates import authorised
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import JudgeHeld
from gtxnode.ledger.coins import HeldEnergy, Origin, output_id
from gtxnode.ledger.energy.minting import credit
from gtxnode.ledger.outcome import Became, Suspect
from gtxnode.ledger.spend_rules import check_spend
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.metering.readings import Metered
from gtxnode.primitives.errors import Reason, Refused


def hold(state: BlockState, reading: bytes, owner: bytes, metered: Metered, origin: Origin) -> None:
    """Hold what a suspect reading exported, and tell the meter's utility."""
    meter = metered.meter
    if metered.exported_wh:
        held = HeldEnergy(owner, metered.exported_wh, origin, meter.province, metered.suspicions)
        state.coins.make(output_id(reading, 0), held)
        state.held_wh += metered.exported_wh
    state.suspects.append(
        Suspect(
            reading,
            origin,
            owner,
            meter.province,
            metered.exported_wh,
            metered.suspicions,
            Became.HELD,
        )
    )


def judge_held(state: BlockState, transaction: CheckedTransaction) -> None:
    """Release or void what is held. Each of it lies in the territory of a utility that signs."""
    body = transaction.body
    assert isinstance(body, JudgeHeld)
    found: list[tuple[bytes, HeldEnergy]] = []
    territories = state.context.parameters.territories
    for coin_id in body.inputs:
        coin = state.coins.get(coin_id)
        if coin is None:
            raise Refused(Reason.UNKNOWN_COIN, f"input {coin_id.hex()}")
        check_spend(coin, transaction)
        assert isinstance(coin, HeldEnergy), "nothing else is spent by it"
        authorised(state, transaction, frozenset({territories.utility_of(coin.province)}))
        found.append((coin_id, coin))
    for coin_id, held in found:
        reading = coin_id[:32]
        state.coins.spend(coin_id)
        state.held_wh -= held.amount_wh
        if body.released:
            credit(state, reading, held.owner, held.amount_wh, held.origin)
        else:
            state.voided_wh += held.amount_wh
        state.suspects.append(
            Suspect(
                reading,
                held.origin,
                held.owner,
                held.province,
                held.amount_wh,
                held.suspicions,
                Became.RELEASED if body.released else Became.VOIDED,
            )
        )
