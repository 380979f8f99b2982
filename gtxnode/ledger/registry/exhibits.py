"""What evidence and roll calls show that needs no state: who signed what, and where.

They pay no fee, so no block may carry any that shows nothing, that was not signed, or whose place
is not one. The signatures are checked with those of the witnesses, in any thread.
"""

from itertools import pairwise
from typing import TypeAlias

from consensus.evidence import offence_of, signer_of
from consensus.types import (
    Commit,
    Proposal,
    Vote,
    block_id,
    precommit_digest,
    proposal_digest,
    vote_digest,
)
from gtxnode.ledger.bodies import Body, CheckpointPair, Elsewhere, Evidence, RollCall
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.zones import Shard

SignatureCheck: TypeAlias = tuple[bytes, bytes, bytes]
"""Public key, digest, signature: what `consensus.signing.verify_slice` takes."""


def exhibits_of(chain_id: str, body: Body) -> tuple[SignatureCheck, ...]:
    """The signatures that have to hold, besides the witnesses'.

    Raises `INVALID_EVIDENCE`, `INVALID_ROLL_CALL`.
    """
    if type(body) is Evidence:
        return _of_evidence(chain_id, body)
    return _of_call(chain_id, body) if type(body) is RollCall else ()


def _of_call(chain_id: str, body: RollCall) -> tuple[SignatureCheck, ...]:
    header, commit = body.header, body.commit
    signers = [each.validator for each in commit.signatures]
    for holds, why in (
        (is_beside(chain_id, header.chain_id), f"{header.chain_id} is no other chain of ours"),
        (commit.height == header.height, f"a commit of height {commit.height}"),
        (commit.block_id == block_id(header), "a commit of another block"),
        (bool(signers), "nobody signed"),
        (all(one < other for one, other in pairwise(signers)), "signers are not in order"),
    ):
        if not holds:
            raise Refused(Reason.INVALID_ROLL_CALL, why)
    return _of_commit(header.chain_id, commit)


def _of_evidence(chain_id: str, body: Evidence) -> tuple[SignatureCheck, ...]:
    proof, place = body.proof, body.place
    if isinstance(proof, CheckpointPair):
        # Each chain judges those about itself.
        _require(place is None, "checkpoints are judged on the chain that they are of")
        return ()
    pair = (proof.first, proof.second)
    _require(offence_of(*pair) is not None, "the two can stand beside each other")
    signed_on = chain_id if place is None else place.chain_id
    signed = tuple((signer_of(each), _digest(signed_on, each), each.signature) for each in pair)
    if place is None:
        return signed
    _check_place(chain_id, place, proof.first.height)
    if place.commit is None:
        return signed
    return signed + _of_commit(signed_on, place.commit)


def shard_of(chain_id: str) -> Shard | None:
    """The shard in a chain's id; None where it is none of ours."""
    try:
        return Shard(chain_id.rpartition("/")[2])
    except ValueError:
        return None


def is_beside(chain_id: str, other: str) -> bool:
    """Whether a chain is another one of the same network."""
    network, beside = chain_id.rpartition("/")[0], other.rpartition("/")[0]
    return network == beside and shard_of(other) is not None and other != chain_id


def _of_commit(chain_id: str, commit: Commit) -> tuple[SignatureCheck, ...]:
    return tuple(
        (each.validator, precommit_digest(chain_id, commit, each.validator), each.signature)
        for each in commit.signatures
    )


def _check_place(chain_id: str, place: Elsewhere, height: int) -> None:
    known = is_beside(chain_id, place.chain_id)
    _require(known, f"{place.chain_id} is no other chain of ours")
    if place.parent is None or place.commit is None:
        first = height == 1 and place.parent is None and place.commit is None
        _require(first, f"nothing shows the epoch of height {height}")
        return
    _require(place.parent.chain_id == place.chain_id, f"a block of {place.parent.chain_id}")
    _require(place.parent.height + 1 == height, f"a block at height {place.parent.height}")


def _digest(chain_id: str, message: Vote | Proposal) -> bytes:
    if isinstance(message, Vote):
        return vote_digest(chain_id, message)
    return proposal_digest(chain_id, message)


def _require(holds: bool, why: str) -> None:
    if not holds:
        raise Refused(Reason.INVALID_EVIDENCE, why)
