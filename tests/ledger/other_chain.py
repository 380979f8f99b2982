"""Final blocks of a chain that follows the little registry, for what is shown of them there."""

from collections.abc import Iterable

from msgspec.structs import replace

from consensus import signing
from consensus.hashing import ZERO_HASH
from consensus.types import (
    BLOCK_VERSION,
    NO_ANCHOR,
    Anchor,
    Commit,
    CommitSignature,
    Header,
    block_id,
    precommit_digest,
)
from gtxnode.ledger.bodies import RollCall
from gtxnode.ledger.registry.exhibits import shard_of
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.zones import REGISTRY, Shard
from tests.ledger.little_chain import private_key, signed
from tests.ledger.little_registry import LittleRegistry, node

FOUNDERS = ("anan", "boon", "chai", "dao")
SOUTH = Shard.GEO_SOUTHERN.value


def final_block(
    chain: LittleRegistry,
    height: int,
    anchor: int,
    *,
    epoch: int,
    chain_id: str = SOUTH,
    signers: Iterable[str] = FOUNDERS,
    root: bytes | None = None,
    round_: int = 0,
) -> tuple[Header, Commit]:
    """A block that names the registry's block at `anchor`, and the precommits of `signers`; the
    set that votes on it is that of `epoch`."""
    committee = chain.committee(epoch)
    assert committee is not None
    voters = committee.validator_set(shard_of(chain_id) or REGISTRY)
    header = Header(
        version=BLOCK_VERSION,
        chain_id=chain_id,
        height=height,
        time_ms=1,
        parent_id=ZERO_HASH,
        last_commit_root=ZERO_HASH,
        payload_root=ZERO_HASH,
        app_root=ZERO_HASH,
        validators_root=root or voters.root,
        next_validators_root=voters.root,
        proposer=node("anan"),
        anchor=Anchor(anchor, b"\x07" * 32) if anchor else NO_ANCHOR,
    )
    return header, signed_by(chain_id, Commit(height, round_, block_id(header), ()), signers)


def signed_by(chain_id: str, commit: Commit, signers: Iterable[str]) -> Commit:
    """The commit with these nodes' precommits, in order."""
    signatures = [
        CommitSignature(
            node(name),
            signing.sign(
                private_key(f"{name}'s node"), precommit_digest(chain_id, commit, node(name))
            ),
        )
        for name in signers
    ]
    ordered = tuple(sorted(signatures, key=lambda each: each.validator))
    return replace(commit, signatures=ordered)


def called(
    chain: LittleRegistry,
    height: int,
    anchor: int,
    *signers: str,
    epoch: int | None = None,
    by: str = "anan's node",
    chain_id: str = SOUTH,
    root: bytes | None = None,
    round_: int = 0,
) -> CheckedTransaction:
    """A call of a height: who signed it, all founders if none are named."""
    number = anchor // chain.rules.epoch_blocks if epoch is None else epoch
    header, commit = final_block(
        chain,
        height,
        anchor,
        epoch=number,
        chain_id=chain_id,
        signers=signers or FOUNDERS,
        root=root,
        round_=round_,
    )
    return signed(RollCall(header, commit, number), by)
