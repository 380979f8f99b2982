"""Proposals, who may vote on them, and the parameters that hold."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from gtxnode.rpc.wire import Address, Amount, Height, Hex

StatusName = Literal[
    "waiting",
    "voting",
    "passed",
    "enacted",
    "rejected",
    "no_quorum",
    "superseded",
    "invalid",
]
ChoiceName = Literal["yes", "no", "abstain"]


class ChangeView(msgspec.Struct, frozen=True, gc=False):
    """A parameter by its dotted name; values as JSON texts, as the genesis file has them."""

    name: str
    value: str
    replaces: str


class TallyView(msgspec.Struct, frozen=True, gc=False):
    """Stake by what it voted, and what that comes to by the proposal's own rules."""

    yes_ugtx: Amount
    no_ugtx: Amount
    abstain_ugtx: Amount
    total_ugtx: Amount
    is_quorate: bool
    is_approved: bool


class ProposalView(msgspec.Struct, frozen=True, gc=False):
    """A proposal. Stake counts as it was where `voting_epoch` began.

    It holds from `activation_epoch` on, if it passes and nothing that it changes has been changed
    by another meanwhile (`superseded`). The tally is so far while it is voted on, then for good;
    there is none before.
    """

    number: int
    transaction: Hex
    proposer: Address
    title: str
    changes: tuple[ChangeView, ...]
    status: StatusName
    deposit_ugtx: Amount
    proposed_height: Height
    voting_epoch: int
    last_voting_epoch: int
    activation_epoch: int
    quorum_ppm: int
    approval_ppm: int
    tally: TallyView | None


class ProposalPage(msgspec.Struct, frozen=True, gc=False):
    """Proposals, newest first; `next` goes into the next call's `before`. `epoch` is that of the
    next block."""

    height: Height
    epoch: int
    proposals: tuple[ProposalView, ...]
    next: int | None


class VoteView(msgspec.Struct, frozen=True, gc=False):
    """A validator that may vote, whose owner signs for it, and what it has voted so far."""

    validator: Hex
    owner: Address
    stake_ugtx: Amount
    choice: ChoiceName | None


class VotesView(msgspec.Struct, frozen=True, gc=False):
    """The votes on a proposal that is voted on. Their stake counts as of `counted_height`."""

    height: Height
    number: int
    counted_height: Height
    votes: tuple[VoteView, ...]


class InForceView(msgspec.Struct, frozen=True, gc=False):
    """The parameters that the next block goes by.

    `version` counts what governance has put in force since the genesis, 0 for the genesis' own;
    `epoch` is the registry's from which on they hold there, `since_height` the first block of this
    chain that goes by them, `proposal` whose they are. `fixed` names what no vote changes.
    """

    shard: str
    height: Height
    version: int
    epoch: int
    since_height: Height
    proposal: int | None
    parameters: dict[str, Any]
    fixed: tuple[str, ...]
