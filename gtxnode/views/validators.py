"""Who votes at a height and how each of them stands, as the interfaces show it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Literal

from consensus.reputation import Conduct
from consensus.validators import ValidatorSet
from gtxnode.chain.coin_tables import COINS
from gtxnode.chain.store import ChainStore
from gtxnode.chain.validators import SetUnknown, ValidatorSets
from gtxnode.ledger.coins import decode_coin
from gtxnode.ledger.registry.attendance import CALLED_SHARDS, RollCalls, roll_calls_coin_id
from gtxnode.ledger.registry.validators import (
    Presence,
    Roster,
    Validator,
    presence_coin_id,
    roster_coin_id,
    validator_coin_id,
)
from gtxnode.primitives.zones import Zone
from gtxnode.rpc.errors import NotFound
from gtxnode.rpc.views.validators import (
    ConductView,
    PresenceView,
    UnbondingView,
    ValidatorsView,
    ValidatorView,
)
from gtxnode.rpc.wire import Address, Amount, Hex
from storage.kv import Reader

NO_CONDUCT = ConductView(0, 0, 0, 0, 0, ())


def validators_view(
    shard: str, store: ChainStore, sets: ValidatorSets, height: int | None
) -> ValidatorsView:
    """Who votes at a height, the next one if none is given; on the registry, who else is there.

    `NotFound` where the set of that height is not known.
    """
    wanted = store.tip.height + 1 if height is None else height
    try:
        voters = sets.at(wanted)
    except SetUnknown as error:
        raise NotFound(f"validators at height {wanted}") from error
    with store.snapshot() as reader:
        stakes = {each.public_key: each for each in _registered(store.chain_id, reader)}
        conducts = _conducts(store.chain_id, reader) if stakes else {}
    keys = {each.public_key for each in voters} | stakes.keys()
    views = [_view(key, voters, stakes.get(key), conducts.get(key, NO_CONDUCT)) for key in keys]
    return ValidatorsView(
        shard=shard,
        height=wanted,
        epoch=sets.epoch(wanted),
        epoch_ends=sets.until(wanted),
        total_power_ugtx=Amount(voters.total_stake),
        validators=tuple(
            sorted(views, key=lambda view: (-view.power_ugtx, view.state, view.public_key))
        ),
    )


def _registered(chain_id: str, reader: Reader) -> Iterator[Validator]:
    """All that have a stake; none on a chain that is not the registry."""
    roster = _coin(reader, roster_coin_id(chain_id))
    if isinstance(roster, Roster):
        for key in roster.keys:
            validator = _coin(reader, validator_coin_id(chain_id, key))
            assert isinstance(validator, Validator), "who is on the roster has a coin"
            yield validator


def _conducts(chain_id: str, reader: Reader) -> Mapping[bytes, ConductView]:
    """What has been counted of each validator since the epoch began."""
    elsewhere: defaultdict[bytes, list[PresenceView]] = defaultdict(list)
    for shard in CALLED_SHARDS:
        calls = _coin(reader, roll_calls_coin_id(chain_id, shard))
        for seen in calls.seen if isinstance(calls, RollCalls) else ():
            elsewhere[seen.public_key].append(PresenceView(shard, seen.heights, seen.signed))
    presence = _coin(reader, presence_coin_id(chain_id))
    assert isinstance(presence, Presence), "who holds stakes counts who is present"
    conducts = {each.public_key: each.conduct for each in presence.records}
    found = {}
    for key in conducts.keys() | elsewhere.keys():
        each = conducts.get(key, Conduct())
        found[key] = ConductView(
            each.heights,
            each.signed,
            each.made,
            each.missed,
            each.withheld,
            tuple(elsewhere[key]),
        )
    return found


def _coin(reader: Reader, coin_id: bytes) -> object:
    encoded = reader.get(COINS + coin_id)
    return None if encoded is None else decode_coin(encoded)


def _view(
    key: bytes, voters: ValidatorSet, stake: Validator | None, conduct: ConductView
) -> ValidatorView:
    seat = voters.get(key)
    power = Amount(seat.stake if seat is not None else 0)
    if stake is None:
        assert seat is not None, "either it votes or it has a stake"
        return ValidatorView(
            Hex(key), power, "active", _region(seat.region), reputation=seat.reputation
        )
    return ValidatorView(
        Hex(key),
        power,
        _state(stake, votes=seat is not None),
        _region(stake.region),
        stake.reputation,
        owner=Address(stake.owner),
        stake_ugtx=Amount(stake.stake_ugtx),
        unbonding=tuple(
            UnbondingView(Amount(each.amount_ugtx), each.release_epoch) for each in stake.unbonding
        ),
        jailed_until=stake.jailed_until or None,
        seed_commitment=Hex(stake.seed_commitment),
        shards=stake.shards,
        conduct=conduct,
    )


def _state(stake: Validator, *, votes: bool) -> Literal["active", "waiting", "jailed", "leaving"]:
    if stake.jailed_until:
        return "jailed"
    if not stake.stake_ugtx:
        return "leaving"
    return "active" if votes else "waiting"


def _region(number: int) -> str:
    return Zone(number).name.lower()
