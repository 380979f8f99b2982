"""Which line of the algorithm is due: from the driver's state to the round's next input.

| proposal of the round   | polka             | commit | round   | input               | line   |
|-------------------------|-------------------|--------|---------|---------------------|--------|
| valid, of any round     |                   | of it  | any     | CommitValue         | 49     |
| invalid, of any round   |                   | of it  | any     | none: `overruled`   |        |
|                         |                   |        | ahead   | RoundSkip, f+1      | 55     |
| fresh, judged           |                   |        | current | FreshProposal       | 22     |
| fresh, untimely         |                   |        | current | FreshProposal       | 22     |
| again, valid            | in its valid round|        | current | PolkaedProposal     | 28     |
| again, invalid          |                   |        | current | InvalidProposal     | 29, 32 |
|                         | any               |        | current | PolkaAny, once      | 34     |
| valid                   | of it             |        | current | PolkaValue, once    | 36     |
|                         | nil               |        | current | PolkaNil            | 44     |
|                         |                   | any    | current | PrecommitAny, once  | 47     |

A block that is not judged yet is neither valid nor invalid: its lines are not due. A fresh proposal
that did not come at its block's time is prevoted as an invalid one is, whatever its block.
"""

from consensus.messages import ProposalMessage
from consensus.round import (
    NO_ROUND,
    CommitValue,
    FreshProposal,
    InvalidProposal,
    PolkaAny,
    PolkaedProposal,
    PolkaNil,
    PolkaValue,
    PrecommitAny,
    RoundInput,
    RoundSkip,
    Step,
    TimeoutKind,
)
from consensus.state import DriverState
from consensus.types import VoteKind


def next_input(state: DriverState, *, entered: bool) -> RoundInput | None:
    """The next line that is due, or None when all is settled.

    `entered` says that the step was entered in this very pass: then 36 goes before 34,
    whose timer would be stale at once. Otherwise votes have just arrived, and both hold.
    """
    match state.step:
        case Step.PROPOSE:
            due = _on_proposal(state)
        case Step.PREVOTE if entered:
            due = _on_polka_value(state) or _on_polka_nil(state) or _on_polka_any(state)
        case Step.PREVOTE:
            due = _on_polka_nil(state) or _on_polka_any(state) or _on_polka_value(state)
        case Step.PRECOMMIT:
            due = _on_polka_value(state)
        case Step.UNSTARTED | Step.COMMIT:
            return None
    return _on_commit(state) or _on_skip(state) or due or _on_precommit_any(state)


def _on_commit(state: DriverState) -> CommitValue | None:
    """49: two thirds precommitted a valid block of that round; the lowest such round."""
    committed = sorted(
        (round_, value)
        for kind, round_, value in state.tally.quorums
        if kind is VoteKind.PRECOMMIT and value is not None and state.judged.get(value)
    )
    for round_, value in committed:
        taken = state.commit is not None and state.commit.commit.block_id == value
        held = state.proposals.get(round_, ())
        if taken or any(each.proposal.block_id == value for each in held):
            return CommitValue(round_, value)
    return None


def overruled(state: DriverState) -> tuple[int, bytes] | None:
    """Round and id of a block that has two thirds of the precommits and that we judged
    invalid. No line of the paper: there it cannot be while less than a third are faulty."""
    against = sorted(
        (round_, value)
        for kind, round_, value in state.tally.quorums
        if kind is VoteKind.PRECOMMIT and value is not None and state.judged.get(value) is False
    )
    return against[0] if against else None


def _on_skip(state: DriverState) -> RoundSkip | None:
    """55: more than a third are ahead."""
    ahead = state.tally.highest_skip(state.round)
    return None if ahead is None else RoundSkip(ahead)


def _on_proposal(state: DriverState) -> RoundInput | None:
    """22 and 28: the round's proposal, once its block is judged."""
    proposal = next((each.proposal for each in _current(state)), None)
    if proposal and proposal.valid_round == NO_ROUND and proposal.round in state.untimely:
        return FreshProposal(proposal.block_id, False)
    valid = None if proposal is None else state.judged.get(proposal.block_id)
    if proposal is None or valid is None:
        return None
    if proposal.valid_round == NO_ROUND:
        return FreshProposal(proposal.block_id, valid)
    if not valid:
        return InvalidProposal()
    if state.tally.has_quorum(VoteKind.PREVOTE, proposal.valid_round, proposal.block_id):
        return PolkaedProposal(proposal.block_id, proposal.valid_round)
    return None


def _on_polka_any(state: DriverState) -> PolkaAny | None:
    """34, for the first time."""
    started = TimeoutKind.PREVOTE in state.timers
    due = not started and state.tally.has_any_quorum(VoteKind.PREVOTE, state.round)
    return PolkaAny() if due else None


def _on_polka_value(state: DriverState) -> PolkaValue | None:
    """36, for the first time: the valid round is set by it."""
    if state.round_state.valid_round == state.round:
        return None
    for each in _current(state):
        value = each.proposal.block_id
        if state.judged.get(value) and state.tally.has_quorum(VoteKind.PREVOTE, state.round, value):
            return PolkaValue(value)
    return None


def _on_polka_nil(state: DriverState) -> PolkaNil | None:
    """44"""
    due = state.tally.has_quorum(VoteKind.PREVOTE, state.round, None)
    return PolkaNil() if due else None


def _on_precommit_any(state: DriverState) -> PrecommitAny | None:
    """47, for the first time."""
    started = TimeoutKind.PRECOMMIT in state.timers
    due = not started and state.tally.has_any_quorum(VoteKind.PRECOMMIT, state.round)
    return PrecommitAny() if due else None


def _current(state: DriverState) -> tuple[ProposalMessage, ...]:
    return state.proposals.get(state.round, ())
