"""Keys in every spelling that makers use, and signatures that are or are not theirs."""

import base64
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from gtxnode.metering.curves import (
    MAX_KEY_CHARS,
    Algorithm,
    Curve,
    Hash,
    SignatureForm,
    check_signature,
    parse_key,
)
from gtxnode.metering.faults import BadRecord, Fault
from tests.metering.makers import ORDERS, der, point, sign

MESSAGE = b"what the meter says"
DER = Algorithm(Curve.SECP256R1, Hash.SHA256, SignatureForm.DER)


def fault_of(encoded: str | bytes, curve: Curve = Curve.SECP256R1) -> Fault:
    with pytest.raises(BadRecord) as caught:
        parse_key(encoded, curve)
    return caught.value.fault


def signature_fault(signature: bytes, algorithm: Algorithm = DER) -> Fault:
    key = parse_key(der(Curve.SECP256R1), Curve.SECP256R1)
    with pytest.raises(BadRecord) as caught:
        check_signature(key, algorithm, MESSAGE, signature)
    return caught.value.fault


@pytest.mark.parametrize("curve", Curve)
def test_one_key_in_all_its_spellings(curve: Curve) -> None:
    whole = point(curve)
    spellings: list[bytes] = [
        der(curve),
        whole,
        whole[1:],
        point(curve, PublicFormat.CompressedPoint),
    ]
    texts = [
        text
        for raw in spellings
        for text in (raw.hex(), raw.hex().upper(), raw.hex(" ", 2), base64.b64encode(raw).decode())
    ]
    every: list[str | bytes] = [*spellings, *texts]
    assert {parse_key(one, curve) for one in every} == {parse_key(whole, curve)}
    assert parse_key(whole, curve).point == whole


@pytest.mark.parametrize("curve", Curve)
@pytest.mark.parametrize("hash_", Hash)
def test_every_curve_and_hash_verifies(curve: Curve, hash_: Hash) -> None:
    key = parse_key(point(curve), curve)
    check_signature(
        key, Algorithm(curve, hash_, SignatureForm.DER), MESSAGE, sign(MESSAGE, curve, hash_)
    )


def test_a_bare_point_may_begin_as_der_does() -> None:
    """An X that begins with 0x30 is told from a DER key by its length."""
    size = Curve.SECP256R1.coordinate_bytes
    assert fault_of(b"\x30" + bytes(2 * size - 1)) is Fault.BAD_KEY


@pytest.mark.parametrize(
    "encoded",
    [
        "", b"", "00", "zz!", "3059", b"\x04" + bytes(64), b"\x04" + b"\xff" * 64,
        der(Curve.SECP256R1)[:-1], der(Curve.SECP256R1) + b"\0", point(Curve.SECP256R1)[:-1],
        b"\x02" + b"\xff" * 32, "é", "00" * (MAX_KEY_CHARS // 2 + 1),
    ],
)  # fmt: skip
def test_what_is_no_key(encoded: str | bytes) -> None:
    assert fault_of(encoded) is Fault.BAD_KEY


def test_a_key_of_another_kind_is_no_key_here() -> None:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    assert fault_of(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)) is (
        Fault.BAD_KEY
    )


def test_a_key_on_another_curve() -> None:
    assert fault_of(der(Curve.SECP256K1)) is Fault.WRONG_CURVE
    algorithm = Algorithm(Curve.SECP256K1, Hash.SHA256, SignatureForm.DER)
    signature = sign(MESSAGE, Curve.SECP256K1)
    assert signature_fault(signature, algorithm) is Fault.WRONG_CURVE


def test_another_point_does_not_verify() -> None:
    assert signature_fault(sign(MESSAGE + b"!")) is Fault.BAD_SIGNATURE


def test_either_s_verifies() -> None:
    key = parse_key(der(Curve.SECP256R1), Curve.SECP256R1)
    r, s = decode_dss_signature(sign(MESSAGE))
    for one in (s, ORDERS[Curve.SECP256R1] - s):
        check_signature(key, DER, MESSAGE, encode_dss_signature(r, one))


def test_der_is_taken_as_der_only() -> None:
    """R and S side by side, and integers without the zero that keeps them positive."""
    r, s = decode_dss_signature(sign(MESSAGE))
    side_by_side = r.to_bytes(32) + s.to_bytes(32)
    unsigned = b"\x30\x44\x02\x20" + b"\xff" + bytes(31) + b"\x02\x20" + bytes(32)
    for signature in (b"", side_by_side, unsigned, sign(MESSAGE) + b"\0"):
        assert signature_fault(signature) is Fault.BAD_SIGNATURE_FORM


def test_fixed_length_is_taken_as_that_only() -> None:
    algorithm = Algorithm(Curve.SECP256R1, Hash.SHA256, SignatureForm.FIXED)
    assert signature_fault(sign(MESSAGE), algorithm) is Fault.BAD_SIGNATURE_FORM
    assert signature_fault(bytes(64), algorithm) is Fault.BAD_SIGNATURE
    assert signature_fault(b"\xff" * 64, algorithm) is Fault.BAD_SIGNATURE


def test_only_the_smallest_curve_is_weak() -> None:
    assert [curve for curve in Curve if curve.weak] == [Curve.SECP192R1]


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)), st.sampled_from(Curve))
def test_any_text_is_a_key_or_bad(encoded: str | bytes, curve: Curve) -> None:
    with suppress(BadRecord):
        assert parse_key(encoded, curve).curve is curve


@given(st.binary(max_size=160), st.sampled_from(SignatureForm))
def test_no_signature_is_made_of_noise(signature: bytes, form: SignatureForm) -> None:
    algorithm = Algorithm(Curve.SECP256R1, Hash.SHA256, form)
    assert signature_fault(signature, algorithm) in (
        Fault.BAD_SIGNATURE,
        Fault.BAD_SIGNATURE_FORM,
    )
