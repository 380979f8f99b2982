"""A sealed batch: the unit in which transactions travel and blocks order them.

Invariant: a `SealedBatch` that `open_batch` returned is well formed, names this chain, matches its
payload root, carries enough work for its kind and bears its producer's signature. The signatures
*inside* the transactions are the business of `checking.py`.

An energy batch (readings, orders, cancels) pays no fee and so carries proof of work: a nonce for
which SHA-256(seal || nonce) lies under the target that the chain has after the final block that the
batch names. The seal covers the chain, the kind, the producer, that block and the payload root, so
work can be neither stored up nor reused. Whether the target is the chain's is seen where the block
is known (`goes_by`); here it is held against the easiest there is.
An ordinary batch pays in fees; its target is `NO_WORK` and its nonce 0.
"""

import hashlib
from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Annotated, NamedTuple

import msgspec

from consensus import merkle, signing
from consensus.encoding import Codec, DecodeError, Hash32, Height, PublicKey, Signature
from consensus.hashing import Domain
from gtxnode.primitives.errors import Reason, Refused

# With its envelope a batch fits one gossip message of 60,000 bytes.
MAX_BATCH_BYTES = 59_900
MAX_BATCH_TRANSACTIONS = 1_000
MAX_TRANSACTION_BYTES = 16_384
# What the batch itself takes of MAX_BATCH_BYTES, at the most; the rest is for transactions.
BATCH_OVERHEAD_BYTES = 400
# Blocks after its parent in which a batch may still be ordered.
BATCH_LIFETIME = 120
NO_WORK = b"\xff" * 32
NONCES_PER_STEP = 4_096


class BatchKind(IntEnum):
    """What a batch carries, and so what admits it: work or fees."""

    ENERGY = 1
    ORDINARY = 2


class BatchHeader(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is sealed, signed and hashed; the chain's id is in the hash domains."""

    kind: BatchKind
    producer: PublicKey
    parent_height: Height
    parent_id: Hash32
    payload_root: Hash32
    target: Hash32
    nonce: Height


class Batch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A header, the encoded transactions in order, and the producer's signature over the id."""

    header: BatchHeader
    transactions: Annotated[
        tuple[Annotated[bytes, msgspec.Meta(max_length=MAX_TRANSACTION_BYTES)], ...],
        msgspec.Meta(min_length=1, max_length=MAX_BATCH_TRANSACTIONS),
    ]
    signature: Signature


class BatchParent(NamedTuple):
    """A final block as batches go by it."""

    id: bytes
    target: bytes
    """Of energy batches that build on it, 32 bytes."""


class SealedBatch(msgspec.Struct, frozen=True, gc=False):
    """A batch whose form, work and producer have been checked, with its id and bytes."""

    id: bytes
    batch: Batch
    encoded: bytes


class _Sealed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The header without its nonce: what the proof of work is over."""

    kind: BatchKind
    producer: bytes
    parent_height: int
    parent_id: bytes
    payload_root: bytes
    target: bytes


_HEADER = Codec(BatchHeader, max_bytes=512)
_BATCH = Codec(Batch, max_bytes=MAX_BATCH_BYTES)
header_codec = _HEADER
"""The canonical bytes of a batch's header: what its id is a hash of."""
batch_codec = _BATCH
"""The canonical bytes of a batch. What is decoded so is well formed, and no more."""
_SEALED = Codec(_Sealed, max_bytes=512)


@lru_cache(maxsize=64)
def _domains(chain_id: str) -> tuple[Domain, Domain]:
    return Domain("batch", chain_id), Domain("batch/seal", chain_id)


def batch_id(chain_id: str, header: BatchHeader) -> bytes:
    """Return the 32-byte id of a batch on a chain."""
    return _domains(chain_id)[0].hash(_HEADER.encode(header))


def seal_digest(chain_id: str, header: BatchHeader) -> bytes:
    """Return the 32 bytes to which a nonce is appended for the proof of work."""
    sealed = _Sealed(
        header.kind,
        header.producer,
        header.parent_height,
        header.parent_id,
        header.payload_root,
        header.target,
    )
    return _domains(chain_id)[1].hash(_SEALED.encode(sealed))


def has_work(seal: bytes, nonce: int, target: bytes) -> bool:
    """Tell whether a nonce meets the target; both sides are 256-bit big-endian integers."""
    return hashlib.sha256(seal + nonce.to_bytes(8, "big")).digest() < target


def unsealed_header(
    kind: BatchKind,
    producer: bytes,
    parent_height: int,
    parent_id: bytes,
    transactions: Sequence[bytes],
    target: bytes,
) -> BatchHeader:
    """Build the header of a batch that has no work yet (nonce 0)."""
    return BatchHeader(
        kind, producer, parent_height, parent_id, merkle.root(transactions), target, 0
    )


def with_nonce(header: BatchHeader, nonce: int) -> BatchHeader:
    """The same header with its proof of work."""
    return msgspec.structs.replace(header, nonce=nonce)


def find_nonce(seal: bytes, target: bytes, start: int) -> int | None:
    """Try `NONCES_PER_STEP` nonces from `start`; None when none of them meets the target.

    Bounded, so that the caller (a worker thread) can give up between two steps.
    """
    prefix = hashlib.sha256(seal)
    for nonce in range(start, start + NONCES_PER_STEP):
        attempt = prefix.copy()
        attempt.update(nonce.to_bytes(8, "big"))
        if attempt.digest() < target:
            return nonce
    return None


def sign_batch(
    chain_id: str, header: BatchHeader, transactions: Sequence[bytes], private_key: bytes
) -> SealedBatch:
    """Sign a header that has its work and put the batch together."""
    identity = batch_id(chain_id, header)
    batch = Batch(header, tuple(transactions), signing.sign(private_key, identity))
    return SealedBatch(identity, batch, _BATCH.encode(batch))


def goes_by(header: BatchHeader, parent: BatchParent) -> bool:
    """Whether a batch builds on this block, with the work that the chain then asked for."""
    target = parent.target if header.kind is BatchKind.ENERGY else NO_WORK
    return header.parent_id == parent.id and header.target == target


def open_batch(chain_id: str, encoded: bytes, easiest: bytes) -> SealedBatch:
    """Decode a batch and check its form, root, work and producer's signature.

    `easiest` is the target of an energy batch in normal times. Raises `Refused` with the reason;
    it does not look into the transactions.
    """
    try:
        batch = _BATCH.decode(encoded)
    except DecodeError as error:
        raise Refused(Reason.MALFORMED_BATCH, str(error)) from error
    header = batch.header
    energy = header.kind is BatchKind.ENERGY
    if header.target > easiest if energy else header.target != NO_WORK:
        raise Refused(Reason.WRONG_TARGET, f"target {header.target.hex()} is not the chain's")
    if not has_work(seal_digest(chain_id, header), header.nonce, header.target):
        raise Refused(Reason.NO_WORK, f"nonce {header.nonce} misses the target")
    if merkle.root(batch.transactions) != header.payload_root:
        raise Refused(Reason.MALFORMED_BATCH, "the transactions do not give the payload root")
    identity = batch_id(chain_id, header)
    if not signing.verify(header.producer, identity, batch.signature):
        raise Refused(Reason.BAD_SIGNATURE, "the producer's signature does not verify")
    return SealedBatch(identity, batch, encoded)


def transactions_of(encoded: bytes) -> tuple[bytes, ...]:
    """The encoded transactions of a batch that was checked before, in order."""
    return _BATCH.decode(encoded).transactions
