"""What can go wrong with a key, each with a stable code. No message ever shows a secret."""

from typing import ClassVar


class KeystoreError(Exception):
    """Any of the errors below."""

    code: ClassVar[str]


class WrongPassphrase(KeystoreError):
    """The passphrase does not open the key."""

    code = "keystore.wrong_passphrase"


class InvalidPassphrase(KeystoreError):
    """A passphrase that protects nothing."""

    code = "keystore.invalid_passphrase"


class CorruptedKey(KeystoreError):
    """A key file that is damaged: what it holds is not what was written."""

    code = "keystore.corrupted"


class UnknownVersion(KeystoreError):
    """A key file of a format that this release does not know."""

    code = "keystore.unknown_version"


class KeyExists(KeystoreError):
    """There is a key of that name, and keys are never overwritten."""

    code = "keystore.exists"


class UnknownKey(KeystoreError):
    """There is no key of that name."""

    code = "keystore.unknown_key"


class InvalidName(KeystoreError):
    """A name that cannot name a key."""

    code = "keystore.invalid_name"


class InvalidPrivateKey(KeystoreError):
    """Text that is not a private key."""

    code = "keystore.invalid_private_key"


class InvalidWords(KeystoreError):
    """Words that are not a BIP-39 sentence."""

    code = "keystore.invalid_words"


class Unusable(KeystoreError):
    """A folder or file that others may read, or that the system does not let us use."""

    code = "keystore.unusable"
