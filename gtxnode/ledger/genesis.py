"""The coins that a chain begins with."""

from collections.abc import Sequence

from consensus.hashing import ZERO_HASH, Domain
from consensus.seed import first_state
from consensus.validators import ValidatorSet
from gtxnode.ledger.bodies import RegisterMeter
from gtxnode.ledger.coins import (
    Cash,
    Coin,
    HeldCoin,
    RecordKeyUse,
    Supply,
    encode_coin,
    meter_coin_id,
    output_id,
    record_key_coin_id,
    supply_coin_id,
)
from gtxnode.ledger.metering.meters import registered
from gtxnode.ledger.parameters import SETS_AHEAD
from gtxnode.ledger.registry.proposers import Seeds, seeds_coin_id
from gtxnode.ledger.registry.validators import (
    Committee,
    Presence,
    Roster,
    Serving,
    Validator,
    committee_coin_id,
    presence_coin_id,
    roster_coin_id,
    validator_coin_id,
)
from gtxnode.metering.meters import RecordKey
from gtxnode.primitives.addresses import address_of
from gtxnode.primitives.units import MAX_AMOUNT
from gtxnode.primitives.zones import Zone


def initial_coins(
    chain_id: str,
    cash: Sequence[tuple[bytes, int]],
    registrations: Sequence[RegisterMeter] = (),
    validators: ValidatorSet | None = None,
    serving: Sequence[Serving] = (),
    genesis_id: bytes = ZERO_HASH,
) -> dict[bytes, HeldCoin]:
    """Genesis: µGTX by address, registered meters, and the totals. No energy exists yet.

    On the registry also `validators`, whose stakes are µGTX beside the cash, which of them are
    `serving` some chains only, and what the seeds come from: at first the genesis's id.
    `ValueError` where the amounts are no amounts, or a meter is registered twice.
    """
    supply_ugtx = sum(amount_ugtx for _, amount_ugtx in cash)
    if validators is not None:
        supply_ugtx += validators.total_stake
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
        if isinstance(body.public_key, RecordKey):
            use_id = record_key_coin_id(chain_id, body.public_key)
            if use_id in made:
                raise ValueError(f"meter {body.meter.hex()} has another's key")
            made[use_id] = RecordKeyUse(body.meter)
    if validators is not None:
        seeds = first_state(chain_id, genesis_id)
        made[seeds_coin_id(chain_id)] = Seeds(seeds)
        made |= _first_validators(chain_id, validators, serving, seeds.seed)
    made[supply_coin_id(chain_id)] = Supply(0, 0, supply_ugtx)
    return {coin_id: HeldCoin(coin, encode_coin(coin)) for coin_id, coin in made.items()}


def _first_validators(
    chain_id: str, validators: ValidatorSet, serving: Sequence[Serving], seed: bytes
) -> dict[bytes, Coin]:
    """The validators of genesis: each owns its stake itself, and sits in the first committees."""
    made: dict[bytes, Coin] = {}
    shards = {each.public_key: each.shards for each in serving}
    parts = tuple(sorted(serving, key=lambda each: each.public_key))
    for each in validators:
        made[validator_coin_id(chain_id, each.public_key)] = Validator(
            each.public_key,
            address_of(each.public_key),
            Zone(each.region),
            each.stake,
            (),
            0,
            each.reputation,
            ZERO_HASH,
            shards.get(each.public_key, ()),
        )
    for epoch in range(SETS_AHEAD):
        made[committee_coin_id(chain_id, epoch)] = Committee(
            epoch, validators.validators, (), parts, ZERO_HASH if epoch else seed
        )
    made[presence_coin_id(chain_id)] = Presence()
    made[roster_coin_id(chain_id)] = Roster(tuple(each.public_key for each in validators))
    return made
