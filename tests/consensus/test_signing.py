"""Signatures: known values, the strictness that ids rest on, and nothing raises."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus import signing
from consensus.errors import InvalidKey

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SECRET = bytes(31) + b"\x01"
KEY = signing.public_key(SECRET)
DIGEST = sha256(b"Satoshi Nakamoto").digest()
SIGNATURE = signing.sign(SECRET, DIGEST)


def high_s(signature: bytes) -> bytes:
    """The other signature that plain ECDSA would take."""
    return signature[:32] + (ORDER - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")


def test_known_signatures() -> None:
    """RFC 6979 on secp256k1, from the vectors that wallets share."""
    assert KEY.hex() == "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
    assert SIGNATURE.hex() == (
        "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
        "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5"
    )


@given(st.integers(1, ORDER - 1), st.binary(min_size=32, max_size=32))
def test_what_is_signed_verifies(secret: int, digest: bytes) -> None:
    """And only under its own key and digest, in its low form."""
    private = secret.to_bytes(32, "big")
    public, signature = signing.public_key(private), signing.sign(private, digest)
    assert signing.verify(public, digest, signature)
    assert not signing.verify(public, sha256(digest).digest(), signature)
    assert not signing.verify(public, digest, high_s(signature))
    assert signing.low_s(high_s(signature)) == signature
    assert signing.low_s(signature) == signature


@given(st.binary(max_size=70), st.binary(max_size=70), st.binary(max_size=70))
def test_garbage_is_false(key: bytes, digest: bytes, signature: bytes) -> None:
    """Whatever its lengths; it never raises."""
    assert not signing.verify(key, digest, signature)
    assert not signing.verify(KEY, digest, signature)
    assert not signing.verify(KEY, DIGEST, signature)
    assert not signing.verify(key, DIGEST, SIGNATURE)
    assert isinstance(signing.low_s(signature), bytes)


@pytest.mark.parametrize(
    "key",
    [
        b"\x02" + bytes(32),
        b"\x04" + KEY[1:],
        b"\x02" + b"\xff" * 32,
        KEY + b"\x00",
        KEY[:-1],
        bytes(33),
    ],
)
def test_bad_points_are_false(key: bytes) -> None:
    """Off the curve, of another form, too long, too short."""
    assert not signing.verify(key, DIGEST, SIGNATURE)


def test_a_slice_gives_each_its_verdict() -> None:
    """In order, whatever stands beside it."""
    good, bad = (KEY, DIGEST, SIGNATURE), (KEY, DIGEST, bytes(64))
    short = (KEY[:5], DIGEST, SIGNATURE)
    assert signing.verify_slice([good, bad, good, short, good]) == [
        True,
        False,
        True,
        False,
        True,
    ]
    assert signing.verify_slice([]) == []


@pytest.mark.parametrize("secret", [b"", bytes(32), b"\xff" * 32, b"\x01" * 33])
def test_bad_private_keys_are_named(secret: bytes) -> None:
    """Before C sees them."""
    with pytest.raises(InvalidKey):
        signing.public_key(secret)
    with pytest.raises(InvalidKey):
        signing.sign(secret, DIGEST)


@pytest.mark.parametrize("s", [0, ORDER, ORDER + 1, 2**256 - 1])
def test_an_s_out_of_range_is_left_alone_and_false(s: int) -> None:
    """Normalising makes nothing valid that was not."""
    signature = SIGNATURE[:32] + s.to_bytes(32, "big")
    assert signing.low_s(signature) == signature
    assert not signing.verify(KEY, DIGEST, signature)
