"""The end of an epoch on the registry: conduct is judged, dues are paid, a committee is fixed.

All of it happens in the epoch's last block, after its transactions. The committee of two epochs on
is drawn from the state then; the cost is one pass over the registered validators.
"""

from collections.abc import Container, Iterable, Mapping, Sequence

from msgspec.structs import replace

from consensus.presence import advanced, counted, credited, open_height
from consensus.reputation import Conduct, judge
from consensus.turns import Turns
from consensus.validators import Validator as Member
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.coins import Cash, output_id
from gtxnode.ledger.parameters import SETS_AHEAD
from gtxnode.ledger.registry import roll_calls, seeds
from gtxnode.ledger.registry.staking import epoch_at, find, keep, registered
from gtxnode.ledger.registry.validators import (
    Committee,
    Presence,
    Record,
    Roster,
    Serving,
    Validator,
    committee_coin_id,
    epoch_of,
    last_height_of,
    presence_coin_id,
    release_id,
    roster_coin_id,
    validator_coin_id,
)


def begin(state: BlockState) -> None:
    """Count what the block shows: turns at its parent, and precommits of what is settled now."""
    commit = state.context.last_commit
    if not state.context.parameters.registry or commit is None:
        return
    rules = state.context.parameters.staking
    before = _presence(state)
    voters = _committee(state, epoch_of(commit.height, rules.epoch_blocks)).validator_set()
    newest = open_height(voters, commit)
    signed = credited(before.window, state.context.late)
    window, settled = advanced(signed, newest, rules.late_heights)
    conducts = {each.public_key: each.conduct for each in before.records}
    for height in settled:
        members = _committee(state, epoch_of(height.height, rules.epoch_blocks)).members
        conducts |= counted(conducts, [each.public_key for each in members], height)
    if state.context.turns is not None:
        conducts |= _with_turns(conducts, state.context.turns)
    records = tuple(Record(key, conducts[key]) for key in sorted(conducts))
    state.coins.make(presence_coin_id(state.context.chain_id), Presence(window, records))


def end(state: BlockState) -> None:
    """Close the epoch, if this is its last block."""
    context = state.context
    rules = context.parameters.staking
    if not context.parameters.registry:
        return
    epoch = epoch_at(state)
    if context.height != last_height_of(epoch, rules.epoch_blocks):
        return
    _judge_conduct(state, epoch + 1)
    for validator in list(registered(state)):
        _pay_out(state, validator, epoch + 1)
    _strike_off(state, epoch + 1)
    _fix_committee(state, epoch)
    seeds.end(state)
    outdated = epoch - rules.evidence_epochs
    if outdated >= 0:
        committee = _committee(state, outdated)
        state.coins.spend(committee_coin_id(context.chain_id, committee.epoch))


def choose(candidates: Sequence[Validator], seats: int) -> tuple[Member, ...]:
    """The largest stakes that may vote, the lower key first among equal ones; sorted by key."""
    eligible = [each for each in candidates if each.eligible]
    eligible.sort(key=lambda each: (-each.stake_ugtx, each.public_key))
    members = [
        Member(each.public_key, each.stake_ugtx, each.reputation, each.region)
        for each in eligible[:seats]
    ]
    return tuple(sorted(members, key=lambda each: each.public_key))


def _with_turns(conducts: Mapping[bytes, Conduct], turns: Turns) -> dict[bytes, Conduct]:
    """The conducts that change with the turns of a height. A reveal that was withheld is a turn
    missed: the block was of use, and its proposer might have chosen to leave it out."""
    changed = {}
    for key in turns.made | turns.missed:
        withheld = turns.withheld and key == turns.author
        conduct, made = conducts.get(key, Conduct()), key in turns.made and not withheld
        changed[key] = replace(
            conduct,
            made=conduct.made + made,
            missed=conduct.missed + (not made),
            withheld=conduct.withheld + withheld,
        )
    return changed


def _judge_conduct(state: BlockState, epoch: int) -> None:
    """Bring reputations up to date, jail who was down, and begin new records.

    Who is jailed is not judged: its reputation stays where it fell, and its absence is no news.
    """
    rules = state.context.parameters.staking
    presence = _presence(state)
    conducts = {each.public_key: each.conduct for each in presence.records}
    for key, elsewhere in roll_calls.close(state).items():
        conduct = conducts.get(key, Conduct())
        conducts[key] = replace(
            conduct,
            heights=conduct.heights + elsewhere.heights,
            signed=conduct.signed + elsewhere.signed,
        )
    for key in sorted(conducts):
        validator = find(state, key)
        if validator is None or validator.jailed_until:
            continue
        judgement = judge(validator.reputation, conducts[key], rules.reputation)
        until = epoch + rules.downtime_jail_epochs if judgement.was_down else 0
        if (judgement.reputation, until) != (validator.reputation, 0):
            changed = replace(validator, reputation=judgement.reputation, jailed_until=until)
            keep(state, changed)
    if presence.records:
        coin_id = presence_coin_id(state.context.chain_id)
        state.coins.make(coin_id, Presence(presence.window))


def _pay_out(state: BlockState, validator: Validator, epoch: int) -> None:
    """Turn into cash what is due where `epoch` begins."""
    due_ugtx = sum(each.amount_ugtx for each in validator.unbonding if each.release_epoch <= epoch)
    if not due_ugtx:
        return
    identity = release_id(state.context.chain_id, validator.public_key, epoch)
    state.coins.make(output_id(identity, 0), Cash(validator.owner, due_ugtx))
    left = tuple(each for each in validator.unbonding if each.release_epoch > epoch)
    keep(state, replace(validator, unbonding=left))


def _strike_off(state: BlockState, epoch: int) -> None:
    """Forget who has nothing left inside, once no jail term runs."""
    staying = []
    for validator in list(registered(state)):
        if validator.locked_ugtx or validator.jailed_until > epoch:
            staying.append(validator.public_key)
        else:
            state.coins.spend(validator_coin_id(state.context.chain_id, validator.public_key))
            seeds.forget(state, validator.public_key)
    roster = Roster(tuple(staying))
    coin_id = roster_coin_id(state.context.chain_id)
    if state.coins.get(coin_id) != roster:
        state.coins.make(coin_id, roster)


def _fix_committee(state: BlockState, epoch: int) -> None:
    """Draw the committee that is fixed by the end of `epoch`. It is never empty: where nobody
    is eligible, the next epoch's goes on.
    """
    seats = state.context.parameters.staking.max_validators
    candidates = list(registered(state))
    members = choose(candidates, seats)
    if members:
        serving = _serving(candidates, {each.public_key for each in members})
    else:
        before = _committee(state, epoch + 1)
        members, serving = before.members, before.serving
    fixed = epoch + SETS_AHEAD
    coin_id = committee_coin_id(state.context.chain_id, fixed)
    state.coins.make(coin_id, Committee(fixed, members, serving=serving))


def _serving(candidates: Iterable[Validator], members: Container[bytes]) -> tuple[Serving, ...]:
    """Which of the members vote on some chains only, by key."""
    chosen = [each for each in candidates if each.shards and each.public_key in members]
    chosen.sort(key=lambda each: each.public_key)
    return tuple(Serving(each.public_key, each.shards) for each in chosen)


def _presence(state: BlockState) -> Presence:
    coin = state.coins.get(presence_coin_id(state.context.chain_id))
    assert isinstance(coin, Presence), "the registry's genesis makes it"
    return coin


def _committee(state: BlockState, epoch: int) -> Committee:
    coin = state.coins.get(committee_coin_id(state.context.chain_id, epoch))
    assert isinstance(coin, Committee), "committees are fixed ahead, and stay for the evidence"
    return coin
