"""Blocks of the simulation: a name for a payload, and all that a header binds."""

from consensus.messages import CommitMessage
from consensus.types import Block, Header, Vote, block_id, commit_root, late_root, payload_root

CHAIN = "simulated"


def make_block(
    height: int,
    content: bytes,
    last: CommitMessage | None,
    proposer: bytes,
    time_ms: int | None = None,
    reveal: bytes | None = None,
    late: tuple[Vote, ...] = (),
) -> Block:
    """A block with this content on top of the last decision, right after it if not later."""
    payload = (content[:64],)
    commit = None if last is None else last.commit
    header = Header(
        version=1,
        chain_id=CHAIN,
        height=height,
        time_ms=time_of(last) + 1 if time_ms is None else time_ms,
        parent_id=bytes(32) if last is None else block_id(last.block.header),
        last_commit_root=commit_root(commit),
        payload_root=payload_root(payload),
        app_root=bytes(32),
        validators_root=bytes(32),
        next_validators_root=bytes(32),
        proposer=proposer,
        late_root=late_root(late),
        reveal=reveal,
    )
    return Block(header, payload, commit, late)


def time_of(last: CommitMessage | None) -> int:
    """When the last block was made; before the first, 0."""
    return 0 if last is None else last.block.header.time_ms


def is_valid(block: Block) -> bool:
    """The simulation's notion of validity, but for time."""
    return not block.payload[0].startswith(b"invalid")
