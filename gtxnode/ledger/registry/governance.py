"""Governance on the registry: proposals are made, voted on with stake, and take effect.

A proposal goes through whole epochs, all of them fixed where it is made:

    e      e+1 ...      first ... last       ...          activation
    made   start delay  voting               execution    its parameters hold
           epochs       epochs               delay epochs

Stake counts as it stands after the last block before voting: who has it then votes with it,
whatever becomes of it later, and nobody else. Moving it gives nobody a second vote.

The agenda is bounded, and deposits could fill it. So whoever has a seat in the committee may bring
one proposal all the same: what decides on changes can always be asked for one.

The end of an epoch moves proposals on, lower numbers first. A change is an exchange of one value
for another: where what it was to replace has been changed meanwhile, the whole proposal is
superseded, and changes nothing. So nothing undoes a change but a proposal that was made knowing it.
"""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from gtxnode.ledger.accounts import Why
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import CastVote, Propose
from gtxnode.ledger.coins import Cash, output_id
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.registry.amendments import amended, value_of
from gtxnode.ledger.registry.proposals import (
    OPEN,
    Agenda,
    Elector,
    Electorate,
    InForce,
    Proposal,
    SeatUse,
    Status,
    agenda_coin_id,
    electorate_coin_id,
    in_force_coin_id,
    proposal_coin_id,
    refund_id,
    replaced_coin_id,
)
from gtxnode.ledger.registry.staking import epoch_at, find, registered, require_registry
from gtxnode.ledger.registry.validators import (
    MAX_EPOCH,
    MAX_SEATS,
    Committee,
    committee_coin_id,
    last_height_of,
)
from gtxnode.ledger.registry.votes import tally, with_choice
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.ledger.transfers import balance, move
from gtxnode.primitives.errors import Reason, Refused


def propose(state: BlockState, transaction: CheckedTransaction) -> None:
    """Put a proposal on the agenda and lock its deposit."""
    body = transaction.body
    assert isinstance(body, Propose)
    require_registry(state)
    if body.proposer not in transaction.addresses:
        raise Refused(Reason.NOT_OWNER, f"proposer {body.proposer.hex()} did not sign")
    rules, before = state.context.parameters.governance, state.context.parameters.shared()
    agenda = _agenda(state)
    seat = _seat_needed(state, agenda, body.proposer)
    if amended(before, body.changes) == before:
        raise Refused(Reason.INVALID_CHANGE, "the parameters are like that already")
    voting = epoch_at(state) + 1 + rules.start_delay_epochs
    last = voting + rules.voting_epochs - 1
    activation = _activation(state, body, last + 1 + rules.execution_delay_epochs)
    deposit_ugtx = rules.deposit_ugtx
    left = balance(state, transaction, body.inputs, body.outputs, deposit_ugtx, body.proposer)
    move(state, transaction, body.inputs, body.outputs, left)
    number = agenda.last_number + 1
    proposal = Proposal(
        number=number,
        transaction=transaction.id,
        proposer=body.proposer,
        deposit_ugtx=deposit_ugtx,
        title=body.title,
        changes=body.changes,
        replaced=tuple(value_of(before, change.name) for change in body.changes),
        proposed_height=state.context.height,
        voting_epoch=voting,
        last_voting_epoch=last,
        activation_epoch=activation,
        quorum_ppm=rules.quorum_ppm,
        approval_ppm=rules.approval_ppm,
    )
    _keep(state, proposal)
    seats = agenda.seats if seat is None else (*agenda.seats, SeatUse(number, seat))
    _keep_agenda(state, Agenda(number, (*agenda.open, number), seats))


def cast_vote(state: BlockState, transaction: CheckedTransaction) -> None:
    """Vote with the stake that a validator had where voting began."""
    body = transaction.body
    assert isinstance(body, CastVote)
    require_registry(state)
    coin = state.coins.get(proposal_coin_id(state.context.chain_id, body.proposal))
    if not isinstance(coin, Proposal):
        raise Refused(Reason.UNKNOWN_PROPOSAL, f"proposal {body.proposal}")
    if coin.status is not Status.VOTING:
        raise Refused(
            Reason.VOTING_CLOSED,
            f"proposal {coin.number} is {coin.status.name.lower()}, "
            f"voting is in epochs {coin.voting_epoch} to {coin.last_voting_epoch}",
        )
    electors = _electorate(state, coin.voting_epoch).electors
    place = _place_of(electors, body.validator)
    if place is None:
        raise Refused(
            Reason.NOT_AN_ELECTOR,
            f"{body.validator.hex()} had no stake to vote with where epoch "
            f"{coin.voting_epoch} began",
        )
    if electors[place].owner not in transaction.addresses:
        raise Refused(Reason.NOT_OWNER, f"owner {electors[place].owner.hex()} did not sign")
    left = balance(state, transaction, body.inputs, body.outputs)
    move(state, transaction, body.inputs, body.outputs, left)
    _keep(state, replace(coin, choices=with_choice(coin.choices, place, body.choice)))


def end(state: BlockState) -> None:
    """Move proposals on, if this is the last block of an epoch; after all else it does."""
    context = state.context
    if not context.parameters.registry:
        return
    epoch = epoch_at(state)
    if context.height != last_height_of(epoch, context.parameters.staking.epoch_blocks):
        return
    agenda = _agenda(state)
    if not agenda.open:
        return
    proposals = [_moved_on(state, _open(state, number), epoch) for number in agenda.open]
    for proposal in proposals:
        _keep(state, proposal)
    still = tuple(each.number for each in proposals if each.status in OPEN)
    if still != agenda.open:
        seats = tuple(each for each in agenda.seats if each.number in still)
        _keep_agenda(state, Agenda(agenda.last_number, still, seats))
    voted_on = {each.voting_epoch for each in proposals if each.status is Status.VOTING}
    for ended in {each.voting_epoch for each in proposals if each.last_voting_epoch == epoch}:
        if ended not in voted_on:
            _electorate(state, ended)
            state.coins.spend(electorate_coin_id(context.chain_id, ended))


def follow(state: BlockState) -> None:
    """Take over parameters of the registry that the block's header has brought within sight."""
    if state.context.decreed is None or state.context.decreed.parameters is None:
        return
    decreed = state.context.decreed.parameters
    coin = state.coins.get(in_force_coin_id(state.context.chain_id))
    if not isinstance(coin, InForce) or coin.version < decreed.version:
        _put_in_force(state, replace(decreed, height=state.context.height))


def _moved_on(state: BlockState, proposal: Proposal, epoch: int) -> Proposal:
    """A proposal after an epoch's last block. One may go through several steps at once."""
    if proposal.status is Status.WAITING and proposal.voting_epoch == epoch + 1:
        _count_electorate(state, epoch + 1)
        return replace(proposal, status=Status.VOTING)
    if proposal.status is Status.VOTING and proposal.last_voting_epoch == epoch:
        proposal = _counted(state, proposal)
    if proposal.status is Status.PASSED and proposal.activation_epoch == epoch + 1:
        proposal = _enacted(state, proposal)
    return proposal


def _counted(state: BlockState, proposal: Proposal) -> Proposal:
    """A proposal whose voting has ended. Its deposit goes back, unless too few cared to vote."""
    electors = _electorate(state, proposal.voting_epoch).electors
    found = tally([each.stake_ugtx for each in electors], proposal.choices)
    if not found.is_quorate(proposal.quorum_ppm):
        status = Status.NO_QUORUM
        state.burned_ugtx += proposal.deposit_ugtx
        burned_ugtx = proposal.deposit_ugtx
        state.accounts.post(proposal.proposer, Why.DEPOSIT_BURNED, ugtx=-burned_ugtx)
    else:
        approved = found.is_approved(proposal.approval_ppm)
        status = Status.PASSED if approved else Status.REJECTED
        if proposal.deposit_ugtx:
            identity = refund_id(state.context.chain_id, proposal.number)
            refund = Cash(proposal.proposer, proposal.deposit_ugtx)
            state.coins.make(output_id(identity, 0), refund)
    return replace(proposal, status=status, tally=found, deposit_ugtx=0)


def _enacted(state: BlockState, proposal: Proposal) -> Proposal:
    """A proposal whose time has come: all of its changes take effect, or none."""
    before = _next_parameters(state)
    found = tuple(value_of(before, change.name) for change in proposal.changes)
    if found != proposal.replaced:
        return replace(proposal, status=Status.SUPERSEDED)
    try:
        after = amended(before, proposal.changes)
    except Refused:
        return replace(proposal, status=Status.INVALID)
    coin = state.coins.get(in_force_coin_id(state.context.chain_id))
    version = coin.version + 1 if isinstance(coin, InForce) else 1
    text = msgspec.json.encode(after).decode()
    in_force = InForce(
        version, proposal.activation_epoch, state.context.height, proposal.number, text
    )
    _put_in_force(state, in_force)
    return replace(proposal, status=Status.ENACTED)


def _put_in_force(state: BlockState, in_force: InForce) -> None:
    """From the next block on. The registry keeps what held before, for chains that lag behind."""
    chain_id, own = state.context.chain_id, state.context.parameters
    coin_id = in_force_coin_id(chain_id)
    before = state.coins.get(coin_id)
    if own.registry and isinstance(before, InForce):
        state.coins.make(replaced_coin_id(chain_id, before.version), before)
    state.coins.make(coin_id, in_force)
    state.parameters = in_force.parameters.on_chain_of(own)


def _next_parameters(state: BlockState) -> ChainParameters:
    """The shared ones that the next block would go by, as things stand."""
    return (state.parameters or state.context.parameters).shared()


def _activation(state: BlockState, body: Propose, earliest: int) -> int:
    latest = min(earliest + state.context.parameters.governance.max_wait_epochs, MAX_EPOCH)
    asked = body.activation_epoch or earliest
    if not earliest <= asked <= latest:
        raise Refused(
            Reason.ACTIVATION_OUT_OF_BOUNDS, f"epoch {asked}, between {earliest} and {latest}"
        )
    return asked


def _seat_needed(state: BlockState, agenda: Agenda, proposer: bytes) -> bytes | None:
    """The seat that brings a proposal onto a full agenda: one of the proposer's in the committee
    that has none there. None where there is room for all; refuses where nothing helps."""
    limit = state.context.parameters.governance.max_open
    if agenda.counting < limit:
        return None
    used = {each.public_key for each in agenda.seats}
    committee = state.coins.get(committee_coin_id(state.context.chain_id, epoch_at(state)))
    assert isinstance(committee, Committee), "a committee is fixed ahead"
    if len(used) < MAX_SEATS:
        for member in committee.members:
            validator = None if member.public_key in used else find(state, member.public_key)
            if validator is not None and validator.owner == proposer:
                return member.public_key
    raise Refused(
        Reason.TOO_MANY_PROPOSALS,
        f"{agenda.counting} are open, at most {limit}, and the proposer has no seat left for one",
    )


def _count_electorate(state: BlockState, epoch: int) -> None:
    """Write down who may vote where `epoch` begins, once for all that begin with it."""
    coin_id = electorate_coin_id(state.context.chain_id, epoch)
    if state.coins.get(coin_id) is None:
        electors = tuple(
            Elector(each.public_key, each.owner, each.stake_ugtx)
            for each in registered(state)
            if each.eligible
        )
        state.coins.make(coin_id, Electorate(epoch, state.context.height, electors))


def _place_of(electors: Sequence[Elector], public_key: bytes) -> int | None:
    return next(
        (place for place, each in enumerate(electors) if each.public_key == public_key), None
    )


def _agenda(state: BlockState) -> Agenda:
    coin = state.coins.get(agenda_coin_id(state.context.chain_id))
    return coin if isinstance(coin, Agenda) else Agenda()


def _keep_agenda(state: BlockState, agenda: Agenda) -> None:
    state.coins.make(agenda_coin_id(state.context.chain_id), agenda)


def _open(state: BlockState, number: int) -> Proposal:
    coin = state.coins.get(proposal_coin_id(state.context.chain_id, number))
    assert isinstance(coin, Proposal), "what is on the agenda has a coin"
    return coin


def _keep(state: BlockState, proposal: Proposal) -> None:
    coin_id = proposal_coin_id(state.context.chain_id, proposal.number)
    if state.coins.get(coin_id) != proposal:
        state.coins.make(coin_id, proposal)


def _electorate(state: BlockState, epoch: int) -> Electorate:
    coin = state.coins.get(electorate_coin_id(state.context.chain_id, epoch))
    assert isinstance(coin, Electorate), "it is counted where voting begins, and stays for it"
    return coin
