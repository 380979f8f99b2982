"""What the chain knows of proposals: the agenda, each proposal, who may vote, what is in force.

Proposals have numbers, 1 for the first. Invariant: the agenda names exactly the proposals whose
status is one of `OPEN`; each of them that is voted on has an electorate.

Only the registry has agendas, proposals and electorates. `InForce` stands on every chain that a
proposal has reached; where there is none, the genesis' parameters hold.
"""

from enum import IntEnum
from functools import lru_cache
from typing import Annotated, Protocol

import msgspec

from consensus.encoding import Hash32, Height, PublicKey
from consensus.hashing import domain
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.registry.amendments import MAX_TEXT_BYTES, Change
from gtxnode.ledger.registry.validators import MAX_REGISTERED, MAX_SEATS, Epoch, StakedAmount
from gtxnode.ledger.registry.validators import Stake as StakeAmount
from gtxnode.ledger.registry.votes import MAX_OPEN_PROPOSALS, Share, Tally
from gtxnode.metering.meters import AddressBytes

MAX_CHANGES = 16
MAX_TITLE_LENGTH = 140
MAX_NUMBER = 2**53 - 1

Number = Annotated[int, msgspec.Meta(ge=1, le=MAX_NUMBER)]
Changes = Annotated[tuple[Change, ...], msgspec.Meta(min_length=1, max_length=MAX_CHANGES)]
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TITLE_LENGTH)]


class Status(IntEnum):
    """How far a proposal has come. The numbers are in the state."""

    WAITING = 1
    """For its first epoch of voting."""
    VOTING = 2
    PASSED = 3
    """And takes effect where its epoch begins."""
    ENACTED = 4
    REJECTED = 5
    """Enough stake voted, too little of it yes."""
    NO_QUORUM = 6
    SUPERSEDED = 7
    """It had passed, but something it was to change has been changed by another before."""
    INVALID = 8
    """It had passed, but with what others changed since it would give no valid parameters."""


OPEN = frozenset({Status.WAITING, Status.VOTING, Status.PASSED})


class SeatUse(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A proposal that a seat in the committee has brought onto a full agenda."""

    number: Number
    public_key: PublicKey
    """The member's."""


class Agenda(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=46):
    """What governance has in hand. There is none before the first proposal."""

    last_number: Annotated[int, msgspec.Meta(ge=0, le=MAX_NUMBER)] = 0
    open: Annotated[
        tuple[Number, ...], msgspec.Meta(max_length=MAX_OPEN_PROPOSALS + MAX_SEATS)
    ] = ()
    """Those that are still to end or to take effect, by number."""
    seats: Annotated[tuple[SeatUse, ...], msgspec.Meta(max_length=MAX_SEATS)] = ()
    """Those of them that do not count towards the limit of all, by number."""

    @property
    def counting(self) -> int:
        """How many count towards that limit."""
        return len(self.open) - len(self.seats)


class Proposal(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=47):
    """A proposal and what has become of it. It stays, as the account of how rules came about."""

    number: Number
    transaction: Hash32
    proposer: AddressBytes
    deposit_ugtx: StakeAmount
    """What is locked inside; nothing once it has been voted on."""
    title: Title
    changes: Changes
    replaced: Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_CHANGES)]
    """What the parameters were when it was proposed, as JSON, in the order of `changes`."""
    proposed_height: Height
    voting_epoch: Epoch
    """The first in which it is voted on. Stake counts as it was where that epoch began."""
    last_voting_epoch: Epoch
    activation_epoch: Epoch
    """The first in which it holds, if it passes."""
    quorum_ppm: Share
    approval_ppm: Share
    status: Status = Status.WAITING
    choices: Annotated[bytes, msgspec.Meta(max_length=MAX_REGISTERED)] = b""
    """One byte for each of the electorate, in its order, up to the last who voted."""
    tally: Tally | None = None
    """Once voting has ended."""


class Elector(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A validator that may vote, and by whose signature."""

    public_key: PublicKey
    owner: AddressBytes
    stake_ugtx: StakedAmount


class Electorate(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=48):
    """All that was staked and free to vote where an epoch began, by key."""

    epoch: Epoch
    height: Height
    """The block after which it was counted."""
    electors: Annotated[tuple[Elector, ...], msgspec.Meta(max_length=MAX_REGISTERED)]


class InForce(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=49):
    """Parameters that have taken the place of earlier ones: the registry's, for all chains.

    What follows from a chain's own name and keys is empty in them (`ChainParameters.shared`).
    """

    version: Number
    """How many there have been since the genesis."""
    epoch: Epoch
    """The registry's, from whose beginning they hold."""
    height: Height
    """The block on this chain after which they hold."""
    proposal: Number
    text: Annotated[str, msgspec.Meta(max_length=MAX_TEXT_BYTES)]
    """The parameters as JSON, all of them, as the genesis file has them."""

    @property
    def parameters(self) -> ChainParameters:
        """The shared ones."""
        return msgspec.json.decode(self.text, type=ChainParameters)


@lru_cache(maxsize=64)
def agenda_coin_id(chain_id: str) -> bytes:
    """The coin with what governance has in hand."""
    return domain("coin/agenda", chain_id).hash() + b"\x00\x00"


def proposal_coin_id(chain_id: str, number: int) -> bytes:
    """The coin of a proposal."""
    return domain("coin/proposal", chain_id).hash(number.to_bytes(8, "big")) + b"\x00\x00"


def electorate_coin_id(chain_id: str, epoch: int) -> bytes:
    """The coin with who may vote from an epoch on."""
    return domain("coin/electorate", chain_id).hash(epoch.to_bytes(8, "big")) + b"\x00\x00"


@lru_cache(maxsize=64)
def in_force_coin_id(chain_id: str) -> bytes:
    """The coin with the parameters that hold now."""
    return domain("coin/in_force", chain_id).hash() + b"\x00\x00"


def replaced_coin_id(chain_id: str, version: int) -> bytes:
    """The registry's coin with the parameters of a version that others have replaced."""
    return domain("coin/in_force", chain_id).hash(version.to_bytes(8, "big")) + b"\x00\x00"


def refund_id(chain_id: str, number: int) -> bytes:
    """Stands for a transaction's id in the id of the cash that a deposit becomes."""
    return domain("refund", chain_id).hash(number.to_bytes(8, "big"))


class Coins(Protocol):
    """The coins of the registry, decoded."""

    def get(self, coin_id: bytes) -> object | None:
        """The coin of an id, if it is unspent."""
        ...


def in_force_at(chain_id: str, coins: Coins, epoch: int) -> InForce | None:
    """What held on the registry in an epoch; None for the genesis' parameters."""
    found = coins.get(in_force_coin_id(chain_id))
    while isinstance(found, InForce) and found.epoch > epoch:
        found = coins.get(replaced_coin_id(chain_id, found.version - 1))
    assert found is None or isinstance(found, InForce), "their ids are their own domain"
    return found
