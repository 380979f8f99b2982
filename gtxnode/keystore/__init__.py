"""A wallet's keys on disk, encrypted, each in a file of its own."""

from gtxnode.keystore.encryption import KeyInfo, ScryptCost
from gtxnode.keystore.errors import (
    CorruptedKey,
    InvalidName,
    InvalidPassphrase,
    InvalidPrivateKey,
    InvalidWords,
    KeyExists,
    KeystoreError,
    UnknownKey,
    UnknownVersion,
    Unusable,
    WrongPassphrase,
)
from gtxnode.keystore.keystore import Keystore
from gtxnode.keystore.secret import Secret, new_secret, secret_from_hex, secret_from_words

__all__ = [
    "CorruptedKey",
    "InvalidName",
    "InvalidPassphrase",
    "InvalidPrivateKey",
    "InvalidWords",
    "KeyExists",
    "KeyInfo",
    "Keystore",
    "KeystoreError",
    "ScryptCost",
    "Secret",
    "UnknownKey",
    "UnknownVersion",
    "Unusable",
    "WrongPassphrase",
    "new_secret",
    "secret_from_hex",
    "secret_from_words",
]
