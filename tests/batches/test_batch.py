"""What makes a batch acceptable, and that nothing else is."""

import contextlib
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.replay import CHAIN, GENESIS_ID, PRODUCER, initial, signed_transfers
from consensus import signing
from consensus.work import encode_target
from gtxnode.batches.batch import (
    MAX_BATCH_BYTES,
    NO_WORK,
    Batch,
    BatchHeader,
    BatchKind,
    find_nonce,
    has_work,
    open_batch,
    seal_digest,
    sign_batch,
    unsealed_header,
)
from gtxnode.batches.checking import check_batch
from gtxnode.intake import seal_batch
from gtxnode.primitives.errors import Reason, Refused

TARGET = encode_target(2**248 - 1)
WORK = {BatchKind.ENERGY: TARGET, BatchKind.ORDINARY: NO_WORK}
TRANSFERS = list(signed_transfers(initial(8)))


def sealed(kind: BatchKind = BatchKind.ORDINARY, chain: str = CHAIN) -> bytes:
    return seal_batch(chain, kind, (7, GENESIS_ID), TRANSFERS, WORK[kind], PRODUCER).encoded


def changed(change: Callable[[BatchHeader], BatchHeader], *, sign: bool) -> bytes:
    """A batch whose header was changed after sealing, signed again or not."""
    batch = msgspec.msgpack.decode(sealed(BatchKind.ENERGY), type=Batch)
    header = change(batch.header)
    if sign:
        return sign_batch(CHAIN, header, batch.transactions, PRODUCER).encoded
    return msgspec.msgpack.encode(Batch(header, batch.transactions, batch.signature))


def reason_of(encoded: bytes) -> Reason:
    with pytest.raises(Refused) as caught:
        open_batch(CHAIN, encoded, TARGET)
    return caught.value.reason


def test_a_sealed_batch_opens() -> None:
    for kind in BatchKind:
        opened = open_batch(CHAIN, sealed(kind), TARGET)
        assert opened.batch.transactions == tuple(TRANSFERS)
        assert opened.batch.header.parent_height == 7


def test_work_is_bound_to_everything_in_the_header() -> None:
    cheap = encode_target(2**256 - 1)
    assert reason_of(changed(lambda h: msgspec.structs.replace(h, target=cheap), sign=True)) is (
        Reason.WRONG_TARGET
    )
    assert (
        reason_of(changed(lambda h: msgspec.structs.replace(h, nonce=h.nonce + 2**40), sign=True))
        is Reason.NO_WORK
    )


def test_the_transactions_are_bound_to_the_root() -> None:
    batch = msgspec.msgpack.decode(sealed(), type=Batch)
    fewer = Batch(batch.header, batch.transactions[:-1], batch.signature)
    assert reason_of(msgspec.msgpack.encode(fewer)) is Reason.MALFORMED_BATCH


def test_another_chain_and_another_signer_are_refused() -> None:
    assert reason_of(sealed(chain="bench/geo_northern")) is Reason.BAD_SIGNATURE
    batch = msgspec.msgpack.decode(sealed(), type=Batch)
    forged = Batch(batch.header, batch.transactions, signing.sign(b"\x05" * 32, b"\x00" * 32))
    assert reason_of(msgspec.msgpack.encode(forged)) is Reason.BAD_SIGNATURE


def test_a_batch_of_the_wrong_kind_or_with_a_bad_transaction_is_refused_whole() -> None:
    with pytest.raises(Refused) as wrong:
        check_batch(CHAIN, sealed(BatchKind.ENERGY), TARGET)
    assert wrong.value.reason is Reason.WRONG_BATCH_KIND
    spoiled = [*TRANSFERS[:-1], TRANSFERS[-1][:-1] + bytes([TRANSFERS[-1][-1] ^ 1])]
    encoded = seal_batch(
        CHAIN, BatchKind.ORDINARY, (0, GENESIS_ID), spoiled, NO_WORK, PRODUCER
    ).encoded
    with pytest.raises(Refused) as bad:
        check_batch(CHAIN, encoded, TARGET)
    assert bad.value.reason is Reason.BAD_SIGNATURE


@given(st.binary(max_size=400))
def test_garbage_opens_or_raises_that_one_error(data: bytes) -> None:
    with contextlib.suppress(Refused):
        open_batch(CHAIN, data, TARGET)


@given(st.data())
def test_a_flipped_byte_never_passes_for_the_same_batch(data: st.DataObject) -> None:
    encoded = bytearray(sealed())
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Refused):
        open_batch(CHAIN, bytes(encoded), TARGET)


def test_an_oversize_batch_is_refused_unread() -> None:
    assert reason_of(b"\x00" * (MAX_BATCH_BYTES + 1)) is Reason.MALFORMED_BATCH


def test_nonces_are_looked_for_in_steps() -> None:
    header = unsealed_header(
        BatchKind.ENERGY, signing.public_key(PRODUCER), 1, GENESIS_ID, TRANSFERS, TARGET
    )
    seal = seal_digest(CHAIN, header)
    nonce = find_nonce(seal, TARGET, 0)
    assert nonce is not None
    assert has_work(seal, nonce, TARGET)
    assert find_nonce(seal, encode_target(1), 0) is None
