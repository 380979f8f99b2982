"""Checking batches and transactions: pure CPU work, made to run in worker threads.

libsecp256k1 is called without the interpreter lock, so two threads check on two cores. A slice
bounds how long one call keeps a thread. What is no longer than `SHORT_BYTES` is over in two
milliseconds and may be checked on the event loop: on a busy machine the way to a thread and back
takes longer.
"""

from collections.abc import Sequence
from itertools import chain

from consensus import signing
from gtxnode.batches.batch import BatchKind, open_batch
from gtxnode.batches.pool import CheckedBatch
from gtxnode.ledger.bodies import is_energy
from gtxnode.ledger.transactions import CheckedTransaction, UnverifiedTransaction, parse
from gtxnode.primitives.errors import Reason, Refused

SLICE_CHECKS = 1_000
SHORT_BYTES = 8_192
"""No more than 84 signatures."""


def check_batch(chain_id: str, encoded: bytes, easiest: bytes) -> CheckedBatch:
    """Take a batch from its bytes to one that a block may order; raises `Refused`.

    One bad transaction refuses the whole batch: its producer had to check what it sealed.
    """
    sealed = open_batch(chain_id, encoded, easiest)
    parsed = tuple(parse(chain_id, data) for data in sealed.batch.transactions)
    wants_energy = sealed.batch.header.kind is BatchKind.ENERGY
    if any(is_energy(item.body) is not wants_energy for item in parsed):
        raise Refused(Reason.WRONG_BATCH_KIND, f"in a batch of kind {sealed.batch.header.kind}")
    checked = check_signatures(parsed)
    if None in checked:
        raise Refused(Reason.BAD_SIGNATURE, f"transaction {checked.index(None)} of the batch")
    return CheckedBatch(sealed, tuple(item for item in checked if item is not None))


def check_signatures(
    parsed: Sequence[UnverifiedTransaction],
) -> list[CheckedTransaction | None]:
    """Verify every signature; None in the place of a transaction with a bad one."""
    owed = [item.signature_checks() for item in parsed]
    checks = list(chain.from_iterable(owed))
    verdicts: list[bool] = []
    for start in range(0, len(checks), SLICE_CHECKS):
        verdicts.extend(signing.verify_slice(checks[start : start + SLICE_CHECKS]))
    results: list[CheckedTransaction | None] = []
    at = 0
    for item, its_checks in zip(parsed, owed, strict=True):
        end = at + len(its_checks)
        results.append(item.verified() if all(verdicts[at:end]) else None)
        at = end
    return results
