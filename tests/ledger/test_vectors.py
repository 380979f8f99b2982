"""The shipped vectors, against this code and against other libraries that know nothing of it."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgpack
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from consensus import signing
from gtxnode.ledger.bodies import KIND_NAMES
from gtxnode.ledger.coins import decode_coin
from gtxnode.ledger.transactions import parse
from gtxnode.primitives.addresses import parse_address
from gtxnode.primitives.errors import Refused
from gtxnode.primitives.zones import Shard
from tests.ledger import transaction_vectors

FILE = Path(__file__).parents[2] / "docs" / "vectors" / "transactions.json"
VECTORS: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
CHAIN: str = VECTORS["chain_id"]


def tagged(tag: str, chain_id: str, data: bytes) -> bytes:
    hashed = sha256(tag.encode()).digest()
    return sha256(hashed + hashed + sha256(chain_id.encode()).digest() + data).digest()


def values(shown: Any) -> Any:
    """What JSON shows, as the MessagePack arrays hold it; field names are lost."""
    match shown:
        case {"text": str(text)}:
            return text
        case {"table": str(kind)}:
            return {"table": kind, **{k: values(v) for k, v in shown.items() if k != "table"}}
        case dict():
            return [values(value) for value in shown.values()]
        case list():
            return [values(value) for value in shown]
        case str() if _is_number(shown):
            return int(shown)
        case str() if shown in (CHAIN, *Shard):
            return shown
        case str():
            return bytes.fromhex(shown)
    return shown


def _is_number(text: str) -> bool:
    return text.lstrip("-").isdecimal() and len(text) < 20


def test_a_retirements_leaf_is_what_is_written_down() -> None:
    leaves = []
    for each in VECTORS["retirements"]:
        encoded = bytes.fromhex(each["encoded"])
        assert msgpack.packb(values(each["entry"])) == encoded
        leaves.append(tagged("retirement", CHAIN, encoded))
        assert leaves[-1].hex() == each["leaf"]
    (log,) = (each for each in VECTORS["coins"] if each["kind"] == "RetirementLog")
    assert log["coin"] == {
        "tag": "64",
        "total": "1",
        "peaks": [sha256(b"\x00" + leaves[0]).hexdigest()],
    }


def test_the_file_is_what_the_script_writes() -> None:
    assert transaction_vectors.vectors() == VECTORS


def test_every_kind_has_a_vector() -> None:
    assert {entry["kind"] for entry in VECTORS["transactions"]} == set(KIND_NAMES.values())


@pytest.mark.parametrize("entry", VECTORS["keys"], ids=lambda entry: entry["name"])
def test_keys_and_addresses(entry: dict[str, str]) -> None:
    private = ec.derive_private_key(int(entry["private_key"], 16), ec.SECP256K1())
    point = private.public_key().public_numbers()
    public = bytes([2 + point.y % 2]) + point.x.to_bytes(32, "big")
    assert public.hex() == entry["public_key"]
    assert tagged("address", "", public)[:20].hex() == entry["address"]
    assert parse_address(entry["text"]).hex() == entry["address"]


@pytest.mark.parametrize("entry", VECTORS["transactions"], ids=lambda entry: entry["kind"])
def test_a_transaction_without_our_code(entry: dict[str, Any]) -> None:
    body = bytes.fromhex(entry["body_encoded"])
    assert msgpack.unpackb(body) == values(entry["body"])
    assert msgpack.packb(msgpack.unpackb(body)) == body
    identity = tagged("tx", CHAIN, body)
    assert identity.hex() == entry["id"]
    unpacked = msgpack.unpackb(bytes.fromhex(entry["encoded"]))
    assert unpacked == [values(entry["body"]), values(entry["witnesses"])]
    for witness in entry["witnesses"]:
        verify(witness, identity)


def verify(witness: dict[str, str], digest: bytes) -> None:
    """With OpenSSL; raises `InvalidSignature`."""
    key = bytes.fromhex(witness["public_key"])
    signature = bytes.fromhex(witness["signature"])
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), key)
    public.verify(encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(SHA256())))


def test_the_other_verifier_does_verify() -> None:
    with pytest.raises(InvalidSignature):
        verify(VECTORS["transactions"][0]["witnesses"][0], bytes(32))


@pytest.mark.parametrize("entry", VECTORS["transactions"], ids=lambda entry: entry["kind"])
def test_a_transaction_with_our_code(entry: dict[str, Any]) -> None:
    parsed = parse(CHAIN, bytes.fromhex(entry["encoded"]))
    assert parsed.id.hex() == entry["id"]
    assert all(signing.verify_slice(parsed.signature_checks()))


@pytest.mark.parametrize("entry", VECTORS["refused"], ids=lambda entry: entry["why"])
def test_what_no_node_takes(entry: dict[str, str]) -> None:
    with pytest.raises(Refused) as caught:
        parse(CHAIN, bytes.fromhex(entry["encoded"]))
    assert caught.value.reason.value == entry["reason"]


@pytest.mark.parametrize("entry", VECTORS["badly_signed"], ids=lambda entry: entry["why"])
def test_what_does_not_verify(entry: dict[str, str]) -> None:
    parsed = parse(CHAIN, bytes.fromhex(entry["encoded"]))
    assert signing.verify_slice(parsed.signature_checks()) == [False]


@pytest.mark.parametrize("entry", VECTORS["coins"], ids=lambda entry: entry["kind"])
def test_a_coin(entry: dict[str, Any]) -> None:
    encoded = bytes.fromhex(entry["encoded"])
    assert msgpack.unpackb(encoded) == values(entry["coin"])
    assert transaction_vectors.plain(decode_coin(encoded)) == entry["coin"]
