"""One key as a JSON file: what it says openly, and how the rest is encrypted.

    {"header": {"version": 1, "address": "gtx1...", "public_key": hex,
                "scrypt": {"n": 131072, "r": 8, "p": 1, "salt": hex}, "nonce": hex},
     "ciphertext": hex, "checksum": hex}

The ciphertext is AES-256-GCM under scrypt(passphrase in NFKD and UTF-8, salt), over the compact
JSON `{"path": ..., "private_key": hex, "words": ...}`. Its associated data is the header as
compact JSON with sorted keys: a file whose address was altered does not open. The checksum is the
SHA-256 of that same text and the ciphertext's bytes. It tells a damaged file from a mistyped
passphrase, which GCM cannot; it protects against no attacker.

Cost: n = 2**17, r = 8, p = 1 takes 128 MiB and measured 0.39 to 0.65 s on one core of the
reference machine. A file may ask for at most `MAX_SCRYPT_BYTES`, so that one from elsewhere
cannot exhaust the machine.
"""

import hashlib
import secrets
import unicodedata
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from consensus.signing import PUBLIC_KEY_BYTES, public_key
from gtxnode.keystore.errors import (
    CorruptedKey,
    InvalidPassphrase,
    UnknownVersion,
    WrongPassphrase,
)
from gtxnode.keystore.secret import Secret, is_private_key
from gtxnode.primitives.addresses import address_of, format_address

VERSION = 1
MAX_FILE_BYTES = 8_192
MAX_SCRYPT_BYTES = 2**30
_SALT_BYTES = 32
_NONCE_BYTES = 12
_KEY_BYTES = 32

_Hex = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{2})*$", max_length=4_096)]


class ScryptCost(msgspec.Struct, frozen=True):
    """scrypt's parameters; it uses 128 * n * r bytes."""

    n: int = 2**17
    r: int = 8
    p: int = 1


class KeyInfo(msgspec.Struct, frozen=True):
    """What a key file says without its passphrase."""

    address: str
    """bech32m, `gtx1...`"""
    public_key: bytes
    """33 bytes."""


class _Scrypt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    n: Annotated[int, msgspec.Meta(ge=2, le=2**24)]
    r: Annotated[int, msgspec.Meta(ge=1, le=64)]
    p: Annotated[int, msgspec.Meta(ge=1, le=4)]
    salt: _Hex


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    address: str
    public_key: _Hex
    scrypt: _Scrypt
    nonce: _Hex


class _KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    header: _Header
    ciphertext: _Hex
    checksum: str


class _Plaintext(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    private_key: _Hex
    words: str | None
    path: str | None


class _AnyHeader(msgspec.Struct):
    version: Annotated[int, msgspec.Meta(ge=0, le=2**31)]


class _AnyKeyFile(msgspec.Struct):
    header: _AnyHeader


def seal(secret: Secret, passphrase: str, cost: ScryptCost) -> bytes:
    """A key file's bytes."""
    key = public_key(secret.private_key)
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    header = _Header(
        VERSION,
        _address(key),
        key.hex(),
        _Scrypt(cost.n, cost.r, cost.p, salt.hex()),
        nonce.hex(),
    )
    plaintext = _canonical(_Plaintext(secret.private_key.hex(), secret.words, secret.path))
    ciphertext = _cipher(header.scrypt, passphrase).encrypt(nonce, plaintext, _canonical(header))
    file = _KeyFile(header, ciphertext.hex(), _checksum(header, ciphertext))
    return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"


def inspect(data: bytes) -> KeyInfo:
    """What a key file says openly. `CorruptedKey` or `UnknownVersion` if it is none."""
    header = _parse(data).header
    return KeyInfo(header.address, bytes.fromhex(header.public_key))


def unseal(data: bytes, passphrase: str) -> Secret:
    """The secret in a key file. `WrongPassphrase`, or as `inspect`. Takes as long as scrypt."""
    file = _parse(data)
    header, ciphertext = file.header, bytes.fromhex(file.ciphertext)
    cipher = _cipher(header.scrypt, passphrase)
    try:
        plaintext = cipher.decrypt(bytes.fromhex(header.nonce), ciphertext, _canonical(header))
    except InvalidTag:
        raise WrongPassphrase("the passphrase is wrong, or the file was tampered with") from None
    try:
        content = msgspec.json.decode(plaintext, type=_Plaintext)
    except msgspec.DecodeError as error:
        raise CorruptedKey("what is encrypted is not a key") from error
    private_key = bytes.fromhex(content.private_key)
    if not is_private_key(private_key) or public_key(private_key).hex() != header.public_key:
        raise CorruptedKey("it holds another key than it says")
    return Secret(private_key, content.words, content.path)


def _parse(data: bytes) -> _KeyFile:
    if len(data) > MAX_FILE_BYTES:
        raise CorruptedKey(f"{len(data)} bytes; a key file has at most {MAX_FILE_BYTES}")
    try:
        version = msgspec.json.decode(data, type=_AnyKeyFile).header.version
        if version != VERSION:
            raise UnknownVersion(f"version {version}; this release knows {VERSION}")
        file = msgspec.json.decode(data, type=_KeyFile)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptedKey(str(error)) from error
    header = file.header
    if file.checksum != _checksum(header, bytes.fromhex(file.ciphertext)):
        raise CorruptedKey("the checksum does not match the content")
    cost = header.scrypt
    if cost.n & (cost.n - 1) or 128 * cost.n * cost.r > MAX_SCRYPT_BYTES:
        raise CorruptedKey("scrypt's n is no power of two, or it asks for too much memory")
    if len(header.nonce) != 2 * _NONCE_BYTES or len(header.public_key) != 2 * PUBLIC_KEY_BYTES:
        raise CorruptedKey("the nonce or the public key has a wrong length")
    if header.address != _address(bytes.fromhex(header.public_key)):
        raise CorruptedKey("the address is not that of the public key")
    return file


def _cipher(cost: _Scrypt, passphrase: str) -> AESGCM:
    if not passphrase:
        raise InvalidPassphrase("the passphrase is empty")
    try:
        password = unicodedata.normalize("NFKD", passphrase).encode()
    except UnicodeEncodeError:
        # The error itself would show the passphrase.
        raise InvalidPassphrase("the passphrase is not text") from None
    salt = bytes.fromhex(cost.salt)
    scrypt = Scrypt(salt=salt, length=_KEY_BYTES, n=cost.n, r=cost.r, p=cost.p)
    return AESGCM(scrypt.derive(password))


def _address(key: bytes) -> str:
    return format_address(address_of(key))


def _canonical(value: msgspec.Struct) -> bytes:
    """Compact JSON with sorted keys."""
    return msgspec.json.encode(value, order="sorted")


def _checksum(header: _Header, ciphertext: bytes) -> str:
    return hashlib.sha256(_canonical(header) + ciphertext).hexdigest()
