"""What a key file keeps secret: a private key, and the words that it was derived from, if any.

Words are BIP-39 in English, without the optional extra passphrase; the key is derived from them
by BIP-44 (`m/44'/coin'/account'/0/0`), so that one sentence restores any number of accounts.
"""

import secrets
from dataclasses import dataclass, field

from mnemonic import Mnemonic

from consensus.errors import InvalidKey
from consensus.signing import PRIVATE_KEY_BYTES, public_key
from gtxnode.keystore import bip32
from gtxnode.keystore.errors import InvalidPrivateKey, InvalidWords

COIN_TYPE = 0x475458
"""Our place in BIP-44's tree: "GTX" in ASCII. It is not registered in SLIP-44."""

ENTROPY_BYTES_OF_WORDS = {12: 16, 15: 20, 18: 24, 21: 28, 24: 32}
DEFAULT_WORDS = 24
MAX_ACCOUNT = bip32.HARDENED - 1

_ENGLISH = Mnemonic("english")


@dataclass(frozen=True, slots=True)
class Secret:
    """A key in the clear. It does not show itself when it is printed."""

    private_key: bytes = field(repr=False)
    """32 bytes."""
    words: str | None = field(default=None, repr=False)
    """The BIP-39 sentence, or None for a key that was imported as it is."""
    path: str | None = None
    """Where in the sentence's tree the key is; None without words."""


def new_secret(words: int = DEFAULT_WORDS) -> Secret:
    """A key from fresh random words: 12, 15, 18, 21 or 24 of them."""
    if words not in ENTROPY_BYTES_OF_WORDS:
        counts = ", ".join(map(str, ENTROPY_BYTES_OF_WORDS))
        raise InvalidWords(f"a sentence of {words} words; possible are {counts}")
    entropy = secrets.token_bytes(ENTROPY_BYTES_OF_WORDS[words])
    return secret_from_words(_ENGLISH.to_mnemonic(entropy))


def secret_from_words(text: str, account: int = 0) -> Secret:
    """The key of an account of a BIP-39 sentence. `InvalidWords` says what is wrong with it."""
    words = text.lower().split()
    if len(words) not in ENTROPY_BYTES_OF_WORDS:
        raise InvalidWords(f"a sentence has 12, 15, 18, 21 or 24 words, this one {len(words)}")
    for position, word in enumerate(words, 1):
        if word not in _ENGLISH.wordlist:
            # The word itself is left out: it is most of a secret.
            raise InvalidWords(f"word {position} is not in the English word list")
    sentence = " ".join(words)
    if not _ENGLISH.check(sentence):
        raise InvalidWords("the checksum is wrong: a word is mistaken, or out of place")
    if not 0 <= account <= MAX_ACCOUNT:
        raise InvalidWords(f"accounts are numbered from 0 to {MAX_ACCOUNT}")
    path = f"m/44'/{COIN_TYPE}'/{account}'/0/0"
    return Secret(bip32.derive(Mnemonic.to_seed(sentence), path), sentence, path)


def secret_from_hex(text: str) -> Secret:
    """A raw private key, 64 hexadecimal digits. `InvalidPrivateKey` if it is none."""
    try:
        private_key = bytes.fromhex(text.strip())
    except ValueError as error:
        raise InvalidPrivateKey("a private key is 64 hexadecimal digits") from error
    if not is_private_key(private_key):
        raise InvalidPrivateKey(
            "a private key is 64 hexadecimal digits, above zero and below the order of the group"
        )
    return Secret(private_key)


def is_private_key(data: bytes) -> bool:
    """Whether the bytes are a private key of secp256k1."""
    if len(data) != PRIVATE_KEY_BYTES:
        return False
    try:
        public_key(data)
    except InvalidKey:
        return False
    return True
