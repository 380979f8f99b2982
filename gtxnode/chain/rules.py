"""What a block must satisfy before anyone prevotes it, apart from having its batches.

Pure. Everything here follows from the head, the validator sets and the block alone; whether its
time has come and whether its batches are here is the shard's to find out.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from consensus.errors import InvalidCommit
from consensus.hash_chain import HashChain, InvalidReveal, opened
from consensus.light import verify_commit
from consensus.presence import InvalidLateVote, Window, check_late_votes
from consensus.types import (
    BLOCK_VERSION,
    NO_ANCHOR,
    Anchor,
    Block,
    Commit,
    Header,
    Vote,
    commit_root,
    late_root,
    payload_root,
)
from consensus.validators import ValidatorSet
from gtxnode.batches.batch import BatchParent, goes_by
from gtxnode.batches.pool import MAX_BLOCK_BATCHES, MAX_BLOCK_TRANSACTIONS, CheckedBatch

# Each block is later than its parent by this much at least.
MIN_BLOCK_STEP_MS = 1


class Fault(StrEnum):
    """Why a block is not valid. The values are stable: they are logged and counted."""

    VERSION = "wrong_version"
    CHAIN = "wrong_chain"
    PARENT = "wrong_parent"
    APP_ROOT = "wrong_app_root"
    VALIDATORS = "wrong_validators"
    PAYLOAD = "wrong_payload"
    BATCH_REPEATED = "batch_repeated"
    BATCH_DEAD = "batch_dead"
    BATCH_INVALID = "batch_invalid"
    TOO_LARGE = "too_large"
    LAST_COMMIT = "wrong_last_commit"
    TIME = "wrong_time"
    ANCHOR = "wrong_anchor"
    LATE_VOTES = "wrong_late_votes"
    REVEAL = "wrong_reveal"


class InvalidBlock(Exception):
    """A block that this chain can never accept on its head."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(f"{fault}: {detail}" if detail else str(fault))
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Tip:
    """What the next block builds on. At height 0 it is genesis, and nothing has voted."""

    chain_id: str
    height: int
    id: bytes
    time_ms: int
    app_root: bytes
    anchor: Anchor = NO_ANCHOR
    """The registry's block that the head goes by."""


def build_block(
    tip: Tip,
    payload: Sequence[bytes],
    last_commit: Commit | None,
    validators: ValidatorSet,
    next_validators: ValidatorSet,
    proposer: bytes,
    now_ms: int,
    anchor: Anchor = NO_ANCHOR,
    reveal: bytes | None = None,
    late: tuple[Vote, ...] = (),
) -> Block:
    """The block that `proposer` proposes on the tip."""
    items = tuple(payload)
    header = Header(
        version=BLOCK_VERSION,
        chain_id=tip.chain_id,
        height=tip.height + 1,
        time_ms=max(now_ms, tip.time_ms + MIN_BLOCK_STEP_MS),
        parent_id=tip.id,
        last_commit_root=commit_root(last_commit),
        payload_root=payload_root(items),
        app_root=tip.app_root,
        validators_root=validators.root,
        next_validators_root=next_validators.root,
        proposer=proposer,
        anchor=anchor,
        late_root=late_root(late),
        reveal=reveal,
    )
    return Block(header, items, last_commit, late)


def check_block(
    tip: Tip,
    block: Block,
    validators: ValidatorSet,
    next_validators: ValidatorSet,
    last_validators: ValidatorSet,
    recent: Collection[bytes],
    tip_commit: Commit | None = None,
) -> None:
    """Hold a block against the tip; raises `InvalidBlock`.

    `recent` holds the ids of all batches ordered so recently that they could still be alive.
    `tip_commit` proved the tip final here, so what it shares with the block's is not checked again.
    """
    header = block.header
    _require(header.version == BLOCK_VERSION, Fault.VERSION, str(header.version))
    _require(header.chain_id == tip.chain_id, Fault.CHAIN, header.chain_id)
    _require(header.height == tip.height + 1, Fault.PARENT, f"height {header.height}")
    _require(header.parent_id == tip.id, Fault.PARENT, header.parent_id.hex())
    _require(header.app_root == tip.app_root, Fault.APP_ROOT, header.app_root.hex())
    _require(header.validators_root == validators.root, Fault.VALIDATORS)
    _require(header.next_validators_root == next_validators.root, Fault.VALIDATORS)
    _require(header.late_root == late_root(block.late), Fault.LATE_VOTES, "another root")
    _require(
        header.time_ms >= tip.time_ms + MIN_BLOCK_STEP_MS,
        Fault.TIME,
        f"{header.time_ms} ms, the parent's is {tip.time_ms} ms",
    )
    _check_payload(block, recent)
    _check_last_commit(tip, block, last_validators, tip_commit)


def check_anchor(before: Anchor, anchor: Anchor) -> None:
    """What can be said of a reference to the registry without the registry; raises `InvalidBlock`.

    It never goes back, and at one height there is one block.
    """
    _require(
        anchor.height >= before.height,
        Fault.ANCHOR,
        f"height {anchor.height}, the parent's is {before.height}",
    )
    same = anchor.height != before.height or anchor.id == before.id
    _require(same, Fault.ANCHOR, f"another block at height {anchor.height}")


def check_reveal(block: Block, chain: HashChain | None) -> None:
    """Hold a block's reveal against its proposer's hash chain, None on chains that have none;
    raises `InvalidBlock`. A reveal may be withheld, and that is charged; it cannot be wrong.
    """
    header = block.header
    if header.reveal is None:
        return
    if chain is None:
        raise InvalidBlock(Fault.REVEAL, "this chain takes none")
    try:
        opened(header.chain_id, header.proposer, chain, header.reveal)
    except InvalidReveal as error:
        raise InvalidBlock(Fault.REVEAL, str(error)) from error


def check_late(block: Block, window: Window) -> None:
    """Hold a block's late precommits against the heights that are open, none on chains that count
    nobody's presence; raises `InvalidBlock`."""
    try:
        check_late_votes(block.header.chain_id, window, block.late)
    except InvalidLateVote as error:
        raise InvalidBlock(Fault.LATE_VOTES, str(error)) from error


def check_batches(
    height: int, batches: Sequence[CheckedBatch], parents: Callable[[int], BatchParent | None]
) -> None:
    """Hold a block's batches, once they are here, against the chain; raises `InvalidBlock`.

    `parents` gives a recent final block by height.
    """
    transactions = sum(len(batch.transactions) for batch in batches)
    _require(
        transactions <= MAX_BLOCK_TRANSACTIONS, Fault.TOO_LARGE, f"{transactions} transactions"
    )
    for batch in batches:
        _require(may_be_ordered(height, batch, parents), Fault.BATCH_DEAD, batch.id.hex())


def may_be_ordered(
    height: int, batch: CheckedBatch, parents: Callable[[int], BatchParent | None]
) -> bool:
    """Whether a block at `height` may order a batch: it goes by a final block that is recent."""
    parent = parents(batch.parent_height)
    return (
        batch.live_at(height) and parent is not None and goes_by(batch.sealed.batch.header, parent)
    )


def _check_payload(block: Block, recent: Collection[bytes]) -> None:
    payload = block.payload
    _require(payload_root(payload) == block.header.payload_root, Fault.PAYLOAD)
    _require(len(payload) <= MAX_BLOCK_BATCHES, Fault.TOO_LARGE, f"{len(payload)} batches")
    _require(all(len(item) == 32 for item in payload), Fault.PAYLOAD, "an id is 32 bytes")
    _require(len(set(payload)) == len(payload), Fault.BATCH_REPEATED, "within the block")
    for item in payload:
        _require(item not in recent, Fault.BATCH_REPEATED, item.hex())


def _check_last_commit(
    tip: Tip, block: Block, last_validators: ValidatorSet, known: Commit | None
) -> None:
    commit = block.last_commit
    _require(commit_root(commit) == block.header.last_commit_root, Fault.LAST_COMMIT)
    if tip.height == 0:
        _require(commit is None, Fault.LAST_COMMIT, "genesis was not voted on")
        return
    if commit is None:
        raise InvalidBlock(Fault.LAST_COMMIT, "none")
    try:
        verify_commit(tip.chain_id, last_validators, tip.id, tip.height, commit, known=known)
    except InvalidCommit as error:
        raise InvalidBlock(Fault.LAST_COMMIT, str(error)) from error


def _require(holds: bool, fault: Fault, detail: str = "") -> None:
    if not holds:
        raise InvalidBlock(fault, detail)
