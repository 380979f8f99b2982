"""Transactions: what they say, their ids, and what can be checked of them without the state.

A transaction is a body and the witnesses who sign it. Its id is a tagged hash over the encoded
body alone, bound to the chain, and is what every witness signs. So signatures are checked without
the state, in any thread; whether a witness owns what the body spends is a spend rule's question.

`parse` takes bytes to an `UnverifiedTransaction`; once its signature checks hold, `verified` makes
the `CheckedTransaction` that execution takes.
"""

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

import msgspec

from consensus.encoding import Codec, DecodeError, PublicKey, Signature
from consensus.hashing import Domain
from gtxnode.ledger.bodies import Body, Evidence, RollCall, SubmitRecord
from gtxnode.ledger.registry.exhibits import SignatureCheck, exhibits_of
from gtxnode.primitives.addresses import Address, address_of
from gtxnode.primitives.errors import Reason, Refused

if TYPE_CHECKING:
    from gtxnode.metering.claims import Claims

MAX_TRANSACTION_BYTES = 16_384
MAX_WITNESSES = 16


class Witness(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A public key, and its signature over the transaction's id."""

    public_key: PublicKey
    signature: Signature


class Transaction(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The wire form."""

    body: Body
    witnesses: Annotated[tuple[Witness, ...], msgspec.Meta(min_length=1, max_length=MAX_WITNESSES)]
    """Sorted by public key, each key once."""


class CheckedTransaction(msgspec.Struct, frozen=True, gc=False):
    """A transaction whose form and signatures hold."""

    id: bytes
    body: Body
    signers: tuple[bytes, ...]
    """The public keys that signed it."""
    addresses: tuple[Address, ...]
    """Theirs, in the same order."""
    encoded: bytes
    claims: "Claims | None" = None
    """What the foreign record says that it carries."""


class UnverifiedTransaction(msgspec.Struct, frozen=True, gc=False):
    """A transaction whose form holds and whose signatures are still to be checked."""

    id: bytes
    body: Body
    witnesses: tuple[Witness, ...]
    encoded: bytes
    exhibits: tuple[SignatureCheck, ...] = ()
    """The signatures of the messages that evidence or a roll call is made of."""

    def signature_checks(self) -> list[SignatureCheck]:
        """What must verify before `verified` may be called."""
        checks = [(w.public_key, self.id, w.signature) for w in self.witnesses]
        return [*checks, *self.exhibits] if self.exhibits else checks

    def verified(self) -> CheckedTransaction:
        """The transaction for execution. Only to be called once every check came back True.

        A foreign meter's record is verified here; raises `Refused` where it is not that meter's.
        """
        signers = tuple([w.public_key for w in self.witnesses])
        addresses = tuple([address_of(key) for key in signers])
        claims = None
        if type(self.body) is SubmitRecord:
            # Not before there is one: OpenSSL's curves take long to load.
            from gtxnode.ledger.metering.records import claims_of

            claims = claims_of(self.body)
        return CheckedTransaction(self.id, self.body, signers, addresses, self.encoded, claims)


_CODEC = Codec(Transaction, max_bytes=MAX_TRANSACTION_BYTES)
_ENCODER = msgspec.msgpack.Encoder()
_WITH_EXHIBITS = frozenset({Evidence, RollCall})


def encode_body(body: Body) -> bytes:
    """The canonical bytes of a body: what its id is a hash of."""
    return _ENCODER.encode(body)


def transaction_id(chain_id: str, body: Body) -> bytes:
    """The 32-byte id of a body on a chain, which is also the digest that witnesses sign."""
    return _domain(chain_id).hash(_ENCODER.encode(body))


def encode_transaction(transaction: Transaction) -> bytes:
    """The wire bytes; `ValueError` where they would be too long for anyone to take."""
    return _CODEC.encode(transaction)


def parse(chain_id: str, data: bytes) -> UnverifiedTransaction:
    """Read a transaction's bytes and check all that needs neither state nor signatures.

    Raises `Refused`: `MALFORMED_TRANSACTION`, `WITNESSES_UNSORTED`, `DUPLICATE_INPUT`,
    `INVALID_EVIDENCE`, `INVALID_ROLL_CALL`.
    """
    try:
        transaction = _CODEC.decode(data)
    except DecodeError as error:
        raise Refused(Reason.MALFORMED_TRANSACTION, str(error)) from error
    body, witnesses = transaction.body, transaction.witnesses
    if len(witnesses) > 1:
        _check_sorted(witnesses)
    inputs = getattr(body, "inputs", ())
    if len(inputs) > 1 and len(set(inputs)) != len(inputs):
        raise Refused(Reason.DUPLICATE_INPUT, f"{len(inputs)} inputs, {len(set(inputs))} coins")
    identity = _domain(chain_id).hash(_ENCODER.encode(body))
    if type(body) in _WITH_EXHIBITS:
        exhibits = exhibits_of(chain_id, body)
        return UnverifiedTransaction(identity, body, witnesses, data, exhibits)
    return UnverifiedTransaction(identity, body, witnesses, data)


def _check_sorted(witnesses: tuple[Witness, ...]) -> None:
    keys = [witness.public_key for witness in witnesses]
    if any(first >= second for first, second in pairwise(keys)):
        raise Refused(Reason.WITNESSES_UNSORTED, f"{len(keys)} witnesses")


@lru_cache(maxsize=64)
def _domain(chain_id: str) -> Domain:
    return Domain("tx", chain_id)
