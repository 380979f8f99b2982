"""What evidence shows that needs no state: that somebody signed both messages, and where.

Evidence pays no fee, so no block may carry any that accuses nobody, that was not signed, or whose
place is not one. The signatures are checked with those of the witnesses, in any thread.
"""

from typing import TypeAlias

from consensus.evidence import offence_of, signer_of
from consensus.types import Proposal, Vote, precommit_digest, proposal_digest, vote_digest
from gtxnode.ledger.bodies import CheckpointPair, Elsewhere, Evidence
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.zones import Shard

SignatureCheck: TypeAlias = tuple[bytes, bytes, bytes]
"""Public key, digest, signature: what `consensus.signing.verify_slice` takes."""


def exhibits_of(chain_id: str, body: Evidence) -> tuple[SignatureCheck, ...]:
    """The signatures that have to hold, besides the witnesses'. Raises `INVALID_EVIDENCE`."""
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
    return signed + tuple(
        (each.validator, precommit_digest(signed_on, place.commit, each.validator), each.signature)
        for each in place.commit.signatures
    )


def shard_of(chain_id: str) -> Shard | None:
    """The shard in a chain's id; None where it is none of ours."""
    try:
        return Shard(chain_id.rpartition("/")[2])
    except ValueError:
        return None


def _check_place(chain_id: str, place: Elsewhere, height: int) -> None:
    network, _, _ = chain_id.rpartition("/")
    other, _, _ = place.chain_id.rpartition("/")
    known = other == network and shard_of(place.chain_id) is not None
    _require(known and place.chain_id != chain_id, f"{place.chain_id} is no other chain of ours")
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
