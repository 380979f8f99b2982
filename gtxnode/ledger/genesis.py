"""The coins that a chain begins with."""

from collections.abc import Sequence

from consensus.hashing import Domain
from gtxnode.ledger.coins import (
    Cash,
    Coin,
    HeldCoin,
    Supply,
    encode_coin,
    meter_coin_id,
    output_id,
    supply_coin_id,
)
from gtxnode.ledger.meters import registered
from gtxnode.ledger.transactions import RegisterMeter
from gtxnode.primitives.units import MAX_AMOUNT


def initial_coins(
    chain_id: str,
    cash: Sequence[tuple[bytes, int]],
    registrations: Sequence[RegisterMeter] = (),
) -> dict[bytes, HeldCoin]:
    """Genesis: µGTX by address, registered meters, and the totals. No energy exists yet.

    `ValueError` where the amounts are no amounts, or a meter is registered twice.
    """
    supply_ugtx = sum(amount_ugtx for _, amount_ugtx in cash)
    if supply_ugtx > MAX_AMOUNT or any(amount_ugtx <= 0 for _, amount_ugtx in cash):
        raise ValueError(f"amounts are positive and come to at most {MAX_AMOUNT} µGTX")
    made: dict[bytes, Coin] = {}
    domain = Domain("coin/genesis", chain_id)
    for index, (owner, amount_ugtx) in enumerate(cash):
        # A hash of its own for each, so that they spread over the state's buckets.
        coin_id = output_id(domain.hash(index.to_bytes(8, "big")), 0)
        made[coin_id] = Cash(owner, amount_ugtx)
    for body in registrations:
        coin_id = meter_coin_id(chain_id, body.meter)
        if coin_id in made:
            raise ValueError(f"meter {body.meter.hex()} is registered twice")
        made[coin_id] = registered(body)
    made[supply_coin_id(chain_id)] = Supply(0, 0, supply_ugtx)
    return {coin_id: HeldCoin(coin, encode_coin(coin)) for coin_id, coin in made.items()}
