"""Bech32m against the vectors of BIP-350, and addresses built on it."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtxnode.primitives.addresses import (
    InvalidAddress,
    address_of,
    decode_bech32m,
    encode_bech32m,
    format_address,
    parse_address,
)

VALID = (
    "A1LQFN3A",
    "a1lqfn3a",
    "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
    "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
    "11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8",
    "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
    "?1v759aa",
)
INVALID = (
    "\x201xj0phk",
    "\x7f1g6xzxy",
    "\x801vctc34",
    "an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4",
    "qyrz8wqd2c9m",
    "1qyrz8wqd2c9m",
    "y1b0jsk6g",
    "lt1igcx5c0",
    "in1muywd",
    "mm1crxm3i",
    "au1s5cgom",
    "M1VUXWEZ",
    "16plkw9",
    "1p2gdwpf",
)


@pytest.mark.parametrize("text", VALID)
def test_the_valid_strings_of_bip_350_are_read_and_written_back(text: str) -> None:
    prefix, values = decode_bech32m(text)
    assert encode_bech32m(prefix, values) == text.lower()


@pytest.mark.parametrize("text", INVALID)
def test_the_invalid_strings_of_bip_350_are_refused(text: str) -> None:
    with pytest.raises(InvalidAddress):
        decode_bech32m(text)


@given(st.binary(min_size=20, max_size=20))
def test_an_address_reads_back_in_either_case(address: bytes) -> None:
    text = format_address(address)
    assert text.startswith("gtx1")
    assert parse_address(text) == parse_address(text.upper()) == address


@given(st.binary(min_size=20, max_size=20), st.data())
def test_up_to_four_wrong_characters_are_noticed(address: bytes, data: st.DataObject) -> None:
    text = list(format_address(address))
    places = data.draw(st.sets(st.integers(4, len(text) - 1), min_size=1, max_size=4))
    for place in places:
        others = [c for c in "qpzry9x8gf2tvdw0s3jn54khce6mua7l" if c != text[place]]
        text[place] = data.draw(st.sampled_from(others))
    with pytest.raises(InvalidAddress, match="checksum"):
        parse_address("".join(text))


@given(st.text(max_size=100))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        address = parse_address(text)
    except InvalidAddress:
        return
    assert format_address(address) == text.lower()


def test_another_prefix_length_or_padding_is_no_address() -> None:
    with pytest.raises(InvalidAddress, match="start with gtx1"):
        parse_address(encode_bech32m("btc", [0] * 32))
    with pytest.raises(InvalidAddress, match="holds 15 bytes"):
        parse_address(encode_bech32m("gtx", [0] * 24))
    with pytest.raises(InvalidAddress, match="padding"):
        parse_address(encode_bech32m("gtx", [0] * 33))
    with pytest.raises(InvalidAddress, match="padding"):
        parse_address(encode_bech32m("gtx", [0] * 6 + [1]))


def test_an_address_is_a_tagged_hash_of_the_key() -> None:
    key = bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
    tag = sha256(b"address").digest()
    address = sha256(tag + tag + sha256(b"").digest() + key).digest()[:20]
    assert address_of(key) == address
    assert format_address(address) == "gtx1ycac9m8zhlu9gwx7k4lkr2k2rjdkvnndxdlyfc"
