"""Keys from words and from hexadecimal digits."""

import pytest

from consensus.signing import public_key
from gtxnode.keystore import (
    InvalidPrivateKey,
    InvalidWords,
    Secret,
    new_secret,
    secret_from_hex,
    secret_from_words,
)
from gtxnode.keystore.secret import MAX_ACCOUNT
from gtxnode.primitives.addresses import address_of, format_address

WORDS = "abandon " * 11 + "about"
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def address(secret: Secret) -> str:
    return format_address(address_of(public_key(secret.private_key)))


@pytest.mark.parametrize("count", [12, 15, 18, 21, 24])
def test_new_words_restore_their_key(count: int) -> None:
    secret = new_secret(count)
    assert secret.words is not None
    assert len(secret.words.split()) == count
    assert secret_from_words(secret.words) == secret


def test_new_keys_have_24_words_and_differ() -> None:
    first, second = new_secret(), new_secret()
    assert first.words is not None
    assert len(first.words.split()) == 24
    assert first.private_key != second.private_key


def test_a_count_of_words_that_there_is_not() -> None:
    with pytest.raises(InvalidWords, match="13 words"):
        new_secret(13)


def test_a_sentence_gives_the_same_addresses_for_ever() -> None:
    """People hold these words on paper: what they lead to may never change."""
    first = secret_from_words(WORDS)
    assert first.path == "m/44'/4674648'/0'/0/0"
    assert address(first) == "gtx1kp3q8r546m8pp30z6xzx4p9hsxau0uddvvhgj4"
    second = secret_from_words(WORDS, account=1)
    assert second.path == "m/44'/4674648'/1'/0/0"
    assert address(second) == "gtx1xsw6ed85tejdxsm4hnnx608f0tttnhuhev37ew"


def test_words_are_read_as_people_type_them() -> None:
    assert secret_from_words(f"  {WORDS.upper()}\n".replace(" ", " \t")) == secret_from_words(WORDS)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("", "this one 0"),
        ("abandon " * 11, "this one 11"),
        ("abandon " * 12, "checksum"),
        ("about " + "abandon " * 11, "checksum"),
        ("abandon " * 10 + "solarpanel about", "word 11 is not"),
    ],
)
def test_wrong_words_are_refused_without_repeating_them(words: str, reason: str) -> None:
    with pytest.raises(InvalidWords, match=reason) as caught:
        secret_from_words(words)
    assert caught.value.code == "keystore.invalid_words"
    assert not words or "solarpanel" not in str(caught.value)


@pytest.mark.parametrize("account", [-1, MAX_ACCOUNT + 1])
def test_an_account_out_of_range_is_refused(account: int) -> None:
    with pytest.raises(InvalidWords, match="numbered from 0"):
        secret_from_words(WORDS, account)


def test_hexadecimal_digits_are_a_key_without_words() -> None:
    assert secret_from_hex("01" * 32 + "\n") == Secret(b"\x01" * 32, words=None, path=None)


@pytest.mark.parametrize(
    "text", ["", "01" * 31, "01" * 33, "00" * 32, f"{ORDER:064x}", "0x" + "01" * 32, "zz" * 32, "é"]
)
def test_what_is_no_private_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidPrivateKey, match="64 hexadecimal digits") as caught:
        secret_from_hex(text)
    assert caught.value.code == "keystore.invalid_private_key"


def test_a_secret_does_not_show_itself() -> None:
    secret = secret_from_words(WORDS)
    assert secret.private_key.hex() not in repr(secret)
    assert "abandon" not in repr(secret)
    assert repr(secret.private_key) not in repr(secret)
