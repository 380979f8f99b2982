"""What a final block shows of those who propose, for whoever measures it."""

from dataclasses import dataclass

from consensus.seed import may_reveal, withholding
from consensus.types import Block, Commit
from gtxnode.chain.proposers import missed_turns
from gtxnode.chain.reveals import seed_state
from gtxnode.chain.store import ChainStore
from gtxnode.chain.validators import SetUnknown, ValidatorSets
from gtxnode.ledger.registry.proposers import reveal_due


@dataclass(frozen=True, slots=True)
class Proposing:
    """Of one block, which is the head."""

    epoch: int | None
    """Of the next block; None where there are no epochs, or it is not known yet."""
    resting: int
    """Validators that are not drawn at the next height."""
    failed_rounds: int
    late_precommits: int
    withheld: bool
    """Whether the block came without a reveal that was due."""
    authorities_withheld: int
    """Those whose time to reveal has ended with it, and who have not."""


def shown_by(store: ChainStore, sets: ValidatorSets, block: Block, commit: Commit) -> Proposing:
    """What the head shows."""
    height, parameters = store.tip.height, store.parameters
    try:
        epoch = sets.epoch(height + 1)
    except SetUnknown:
        epoch = None
    missed = missed_turns(store.chain_id, store)
    due = reveal_due(parameters, height)
    return Proposing(
        epoch,
        len(missed.resting(height + 1)) if missed is not None else 0,
        commit.round,
        len(block.late),
        due and block.header.reveal is None,
        len(withholding(seed_state(store))) if due and _closes(store, height) else 0,
    )


def _closes(store: ChainStore, height: int) -> bool:
    """Whether a block was the last of its epoch that could carry the authorities' reveals."""
    blocks = store.parameters.staking.epoch_blocks
    offset = (height - 1) % blocks
    return may_reveal(offset, blocks) and not may_reveal((offset + 1) % blocks, blocks)
