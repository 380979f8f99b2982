"""The seed of each epoch: what nobody knows in time to gain by it, and nobody sets alone.

| epoch | what enters the seed of epoch e + 2                                                |
|-------|------------------------------------------------------------------------------------|
| e - 1 | the authorities commit to values, before any reveal that they will be mixed with   |
| e     | every proposer of a final block reveals the next value of its hash chain           |
| e + 1 | in its first half the authorities reveal what they committed to                    |
| e + 2 | is drawn from the hash of epoch e + 1's seed, the proposers' mix, the authorities' |

The authorities come last, because a proposer that decides whether to reveal, and cannot know what
an honest authority will, decides blindly. What remains is one bit, to reveal or not, for each
authority that comes after all honest ones; docs/decisions/seed.md says it exactly.

Invariant: the seed depends on which values were revealed, not on their order among the
authorities, and is fixed half an epoch before its use. Pure: the state is a final record.
"""

from typing import Annotated

import msgspec

from consensus.authorities import MAX_AUTHORITIES, Role
from consensus.encoding import Hash32
from consensus.errors import Refusal
from consensus.hash_chain import Epoch, HashChain, InvalidReveal, in_epoch, opened, passed
from consensus.hashing import ZERO_HASH, Domain


class Pledge(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an authority committed to, and its value once that is revealed."""

    role: Role
    commitment: Hash32
    value: Hash32 | None = None


Pledges = Annotated[tuple[Pledge, ...], msgspec.Meta(max_length=MAX_AUTHORITIES)]
"""By role, each once."""


class SeedState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All that the seeds of this epoch and the next two come from."""

    epoch: Epoch
    seed: Hash32
    """Of this epoch: its proposers are drawn from it."""
    mix: Hash32 = ZERO_HASH
    """Of the proposers' reveals in this epoch, so far."""
    last_mix: Hash32 = ZERO_HASH
    """Of the proposers' reveals in the epoch before."""
    committing: Pledges = ()
    """Taken in this epoch, to go with the next epoch's mix."""
    waiting: Pledges = ()
    """Taken in the epoch before, to go with this epoch's mix."""
    revealing: Pledges = ()
    """To go with the last epoch's mix, and so into the next epoch's seed."""


def first_state(chain_id: str, genesis_id: bytes) -> SeedState:
    """At genesis. The seeds of epochs 0 and 1 follow from it, and are known to all."""
    return SeedState(0, Domain("seed/genesis", chain_id).hash(genesis_id))


def proposed(
    chain_id: str, state: SeedState, proposer: bytes, chain: HashChain, reveal: bytes | None
) -> tuple[SeedState, HashChain]:
    """After a turn: the reveal of its final block mixed in, or its value used up without.

    No reveal: the block had none, or the turn was missed. Everybody sees it; what it costs is
    the application's to charge. `InvalidReveal` for a wrong value, which makes a block invalid.
    """
    chain = in_epoch(chain, state.epoch)
    if reveal is None:
        return state, passed(chain)
    after = opened(chain_id, proposer, chain, reveal)
    mix = Domain("seed/mix", chain_id).hash(state.mix, proposer, reveal)
    return msgspec.structs.replace(state, mix=mix), after


def pledge_commitment(chain_id: str, epoch: int, role: int, value: bytes) -> bytes:
    """What an authority commits to in `epoch` for a value of 32 random bytes."""
    return Domain("seed/pledge", chain_id).hash(_number(epoch), _number(role), value)


def pledged(state: SeedState, role: int, commitment: bytes) -> SeedState:
    """After an authority committed in this epoch. `InvalidReveal` for a second time."""
    if any(each.role == role for each in state.committing):
        raise InvalidReveal(Refusal.DUPLICATE, f"authority {role} has committed")
    pledges = sorted((*state.committing, Pledge(role, commitment)), key=lambda each: each.role)
    return msgspec.structs.replace(state, committing=tuple(pledges))


def may_reveal(offset: int, epoch_blocks: int) -> bool:
    """Whether the block `offset` blocks into its epoch, the first being 0, may carry the
    authorities' reveals: those of its first half."""
    return 2 * offset < epoch_blocks


def redeemed(chain_id: str, state: SeedState, role: int, value: bytes) -> SeedState:
    """After an authority revealed what it committed to two epochs ago. Only in blocks that
    `may_reveal`. `InvalidReveal` where it did not commit, for another value, or a second time."""
    pledge = next((each for each in state.revealing if each.role == role), None)
    if pledge is None:
        raise InvalidReveal(Refusal.WRONG_TIME, f"authority {role} has nothing to reveal")
    if pledge.value is not None:
        raise InvalidReveal(Refusal.DUPLICATE, f"authority {role} has revealed")
    # A pledge that is revealed in epoch e + 1 was made in e - 1.
    if pledge_commitment(chain_id, state.epoch - 2, role, value) != pledge.commitment:
        raise InvalidReveal(Refusal.BAD_REVEAL, f"not what authority {role} committed to")
    revealing = tuple(
        msgspec.structs.replace(each, value=value) if each is pledge else each
        for each in state.revealing
    )
    return msgspec.structs.replace(state, revealing=revealing)


def withholding(state: SeedState) -> tuple[int, ...]:
    """The authorities that committed and, once the first half of the epoch is over, withheld."""
    return tuple(each.role for each in state.revealing if each.value is None)


def next_seed(chain_id: str, state: SeedState) -> bytes:
    """The seed of the next epoch; final once no block of this one `may_reveal`."""
    values = [
        part
        for each in state.revealing
        if each.value is not None
        for part in (_number(each.role), each.value)
    ]
    epoch = _number(state.epoch + 1)
    return Domain("seed", chain_id).hash(epoch, state.seed, state.last_mix, *values)


def turned(chain_id: str, state: SeedState) -> SeedState:
    """The state with which the next epoch begins."""
    return SeedState(
        epoch=state.epoch + 1,
        seed=next_seed(chain_id, state),
        last_mix=state.mix,
        waiting=state.committing,
        revealing=state.waiting,
    )


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big")
