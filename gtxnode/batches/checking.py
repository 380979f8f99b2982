"""Checking batches and transactions: pure CPU work, made to run in worker threads.

libsecp256k1 is called without the interpreter lock, so two threads check on two cores. A slice
bounds how long one call keeps a thread. What is no longer than `SHORT_BYTES` is over in two
milliseconds and may be checked on the event loop: on a busy machine the way to a thread and back
takes longer.
"""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from consensus import signing
from gtxnode.batches.batch import BatchKind, SealedBatch, open_batch
from gtxnode.batches.pool import CheckedBatch
from gtxnode.ledger.bodies import SubmitRecord, is_energy
from gtxnode.ledger.transactions import CheckedTransaction, UnverifiedTransaction, parse
from gtxnode.primitives.errors import Reason, Refused

SLICE_CHECKS = 1_000
SHORT_BYTES = 8_192
"""No more than 84 signatures."""


class OpenedBatch(NamedTuple):
    """A batch whose form, work and producer hold; its transactions' signatures are still to be
    checked."""

    sealed: SealedBatch
    parsed: tuple[UnverifiedTransaction, ...]


def open_whole(chain_id: str, encoded: bytes, easiest: bytes) -> OpenedBatch:
    """Read a batch and all its transactions; raises `Refused`."""
    sealed = open_batch(chain_id, encoded, easiest)
    parsed = tuple(parse(chain_id, data) for data in sealed.batch.transactions)
    wants_energy = sealed.batch.header.kind is BatchKind.ENERGY
    if any(is_energy(item.body) is not wants_energy for item in parsed):
        raise Refused(Reason.WRONG_BATCH_KIND, f"in a batch of kind {sealed.batch.header.kind}")
    return OpenedBatch(sealed, parsed)


def check_opened(opened: OpenedBatch) -> CheckedBatch:
    """Check a batch's signatures; raises `Refused`.

    One bad transaction refuses the whole batch: its producer had to check what it sealed.
    """
    checked: list[CheckedTransaction] = []
    for place, item in enumerate(check_signatures(opened.parsed)):
        if isinstance(item, Refused):
            raise Refused(item.reason, f"transaction {place} of the batch: {item.detail}")
        checked.append(item)
    return CheckedBatch(opened.sealed, tuple(checked))


def check_batch(chain_id: str, encoded: bytes, easiest: bytes) -> CheckedBatch:
    """Take a batch from its bytes to one that a block may order; raises `Refused`."""
    return check_opened(open_whole(chain_id, encoded, easiest))


def is_short(parsed: Sequence[UnverifiedTransaction]) -> bool:
    """Whether signatures are checked so soon that a thread is not worth while.

    A foreign meter's record never is: it is read, and on a curve that takes long.
    """
    return sum(len(item.encoded) for item in parsed) <= SHORT_BYTES and not any(
        type(item.body) is SubmitRecord for item in parsed
    )


def check_signatures(
    parsed: Sequence[UnverifiedTransaction],
) -> list[CheckedTransaction | Refused]:
    """Verify every signature; in the place of a transaction with a bad one, why it is refused."""
    owed = [item.signature_checks() for item in parsed]
    checks = list(chain.from_iterable(owed))
    verdicts: list[bool] = []
    for start in range(0, len(checks), SLICE_CHECKS):
        verdicts.extend(signing.verify_slice(checks[start : start + SLICE_CHECKS]))
    results: list[CheckedTransaction | Refused] = []
    at = 0
    for item, its_checks in zip(parsed, owed, strict=True):
        end = at + len(its_checks)
        results.append(_result(item, all(verdicts[at:end])))
        at = end
    return results


def _result(item: UnverifiedTransaction, signed: bool) -> CheckedTransaction | Refused:
    if not signed:
        return Refused(Reason.BAD_SIGNATURE, item.id.hex())
    try:
        return item.verified()
    except Refused as refusal:
        return refusal
