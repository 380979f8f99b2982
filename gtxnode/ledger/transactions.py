"""Transactions: what they say, their ids, and what can be checked of them without the state.

A transaction is a body and the witnesses who sign it. Its id is a tagged hash over the encoded
body alone, bound to the chain, and is what every witness signs. So signatures are checked without
the state, in any thread; whether a witness owns what the body spends is a spend rule's question.

`parse` takes bytes to an `UnverifiedTransaction`; once its signature checks hold, `verified` makes
the `CheckedTransaction` that execution takes.
"""

from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, TypeAlias

import msgspec

from consensus.checkpoints import SignedCheckpoint
from consensus.encoding import Codec, DecodeError, Hash32, PublicKey, Signature
from consensus.evidence import offence_of, signer_of
from consensus.hashing import ZERO_HASH, Domain
from consensus.types import Proposal, Vote, proposal_digest, vote_digest
from gtxnode.ledger.coins import MAX_LOTS, Amount, Cash, CoinId, Energy
from gtxnode.ledger.validators import StakedAmount
from gtxnode.metering.meters import (
    AddressBytes,
    Capacity,
    Direction,
    MeterId,
    Reading,
    Register,
    Seconds,
)
from gtxnode.primitives.addresses import Address, address_of
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone

MAX_TRANSACTION_BYTES = 16_384
MAX_INPUTS = 256
MAX_OUTPUTS = 256
MAX_WITNESSES = 16
MAX_MEMO_BYTES = 64

Inputs = Annotated[tuple[CoinId, ...], msgspec.Meta(min_length=1, max_length=MAX_INPUTS)]
Output: TypeAlias = Cash | Energy
Change = Annotated[tuple[Cash, ...], msgspec.Meta(max_length=MAX_OUTPUTS)]
Memo = Annotated[bytes, msgspec.Meta(max_length=MAX_MEMO_BYTES)]
OrderId = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]


class Transfer(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=0):
    """Coins of both assets to new owners. GTX not given on is the fee; KWH balances by origin."""

    inputs: Inputs
    outputs: Annotated[tuple[Output, ...], msgspec.Meta(min_length=1, max_length=MAX_OUTPUTS)]
    memo: Memo = b""


class RegisterMeter(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """A utility vouches for a meter. It pays no fee."""

    meter: MeterId
    public_key: PublicKey
    owner: AddressBytes
    zone: Zone
    source: Source
    capacity_w: Capacity
    direction: Direction
    installed_s: Seconds
    import_wh: Register = 0
    """What the registers show when it is installed: that energy is never minted."""
    export_wh: Register = 0


class PlaceSell(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=3):
    """Offer energy. The order takes `quantity_wh` from the inputs; what is over goes back."""

    trader: AddressBytes
    inputs: Annotated[tuple[CoinId, ...], msgspec.Meta(min_length=1, max_length=MAX_LOTS)]
    quantity_wh: Amount
    price_mgtx_per_kwh: Amount
    """The least that the trader takes."""
    expires_s: Seconds = 0
    """In block time; zero for the chain's usual lifetime."""


class PlaceBuy(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=4):
    """Ask for energy. The order locks quantity times price; what is over goes back."""

    trader: AddressBytes
    inputs: Annotated[tuple[CoinId, ...], msgspec.Meta(min_length=1, max_length=MAX_LOTS)]
    quantity_wh: Amount
    price_mgtx_per_kwh: Amount
    """The most that the trader gives."""
    expires_s: Seconds = 0


class Cancel(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=5):
    """Take back what is left of an open order."""

    order: OrderId


class Retire(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=6):
    """Consume energy: what the outputs do not return, origin by origin, ceases to exist."""

    inputs: Inputs
    outputs: Annotated[tuple[Output, ...], msgspec.Meta(max_length=MAX_OUTPUTS)]
    consumer: AddressBytes
    """In whose name it is consumed."""
    memo: Memo = b""


class Registration(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a validator is registered as."""

    owner: AddressBytes
    region: Zone
    possession: Signature
    """The validator's own, over `possession_digest`."""
    seed_commitment: Hash32 = ZERO_HASH


class Stake(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=7):
    """Lock GTX behind a validator: a new one with `registration`, else one that is there."""

    validator: PublicKey
    inputs: Inputs
    amount_ugtx: StakedAmount
    outputs: Change = ()
    """With the stake and the fee, what the inputs come to."""
    registration: Registration | None = None


class Unstake(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=8):
    """Take stake back. It unbonds, and is then paid out by itself."""

    validator: PublicKey
    inputs: Inputs
    """For the fee."""
    amount_ugtx: StakedAmount
    outputs: Change = ()


class Unjail(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=9):
    """Let a validator return whose jail term is over."""

    validator: PublicKey
    inputs: Inputs
    """For the fee."""
    outputs: Change = ()


class VotePair(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=0):
    """Two votes of one validator."""

    first: Vote
    second: Vote


class ProposalPair(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """Two proposals of one validator."""

    first: Proposal
    second: Proposal


class CheckpointPair(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=2):
    """Two checkpoints of this chain signed by one authority, with whichever of its keys."""

    first: SignedCheckpoint
    second: SignedCheckpoint


class Evidence(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=10):
    """Two signed messages that contradict. Anyone may bring it; it pays no fee."""

    proof: VotePair | ProposalPair | CheckpointPair


Body: TypeAlias = (
    Transfer
    | RegisterMeter
    | Reading
    | PlaceSell
    | PlaceBuy
    | Cancel
    | Retire
    | Stake
    | Unstake
    | Unjail
    | Evidence
)

KIND_NAMES: Mapping[type[Body], str] = MappingProxyType(
    {
        Transfer: "transfer",
        RegisterMeter: "register_meter",
        Reading: "reading",
        PlaceSell: "place_sell",
        PlaceBuy: "place_buy",
        Cancel: "cancel",
        Retire: "retire",
        Stake: "stake",
        Unstake: "unstake",
        Unjail: "unjail",
        Evidence: "evidence",
    }
)
"""Each kind's name in interfaces and metrics."""

_ENERGY_KINDS = frozenset({Reading, PlaceSell, PlaceBuy, Cancel})


class Witness(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A public key, and its signature over the transaction's id."""

    public_key: PublicKey
    signature: Signature


class Transaction(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The wire form."""

    body: Body
    witnesses: Annotated[tuple[Witness, ...], msgspec.Meta(min_length=1, max_length=MAX_WITNESSES)]
    """Sorted by public key, each key once."""


SignatureCheck: TypeAlias = tuple[bytes, bytes, bytes]
"""Public key, digest, signature: what `consensus.signing.verify_slice` takes."""


class CheckedTransaction(msgspec.Struct, frozen=True, gc=False):
    """A transaction whose form and signatures hold."""

    id: bytes
    body: Body
    signers: tuple[bytes, ...]
    """The public keys that signed it."""
    addresses: tuple[Address, ...]
    """Theirs, in the same order."""
    encoded: bytes


class UnverifiedTransaction(msgspec.Struct, frozen=True, gc=False):
    """A transaction whose form holds and whose signatures are still to be checked."""

    id: bytes
    body: Body
    witnesses: tuple[Witness, ...]
    encoded: bytes
    exhibits: tuple[SignatureCheck, ...] = ()
    """The signatures of the messages that evidence is made of."""

    def signature_checks(self) -> list[SignatureCheck]:
        """What must verify before `verified` may be called."""
        checks = [(w.public_key, self.id, w.signature) for w in self.witnesses]
        return [*checks, *self.exhibits] if self.exhibits else checks

    def verified(self) -> CheckedTransaction:
        """The transaction for execution. Only to be called once every check came back True."""
        signers = tuple([w.public_key for w in self.witnesses])
        addresses = tuple([address_of(key) for key in signers])
        return CheckedTransaction(self.id, self.body, signers, addresses, self.encoded)


_CODEC = Codec(Transaction, max_bytes=MAX_TRANSACTION_BYTES)
_ENCODER = msgspec.msgpack.Encoder()


def is_energy(body: Body) -> bool:
    """Whether it travels in an energy batch: it pays no fee, work admits it."""
    return type(body) in _ENERGY_KINDS


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
    `INVALID_EVIDENCE`.
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
    if type(body) is Evidence and isinstance(body.proof, VotePair | ProposalPair):
        exhibits = _exhibits(chain_id, body.proof)
        return UnverifiedTransaction(identity, body, witnesses, data, exhibits)
    return UnverifiedTransaction(identity, body, witnesses, data)


def _exhibits(chain_id: str, proof: VotePair | ProposalPair) -> tuple[SignatureCheck, ...]:
    """Evidence pays no fee, so no block may carry any that accuses nobody or was not signed."""
    pair = (proof.first, proof.second)
    if offence_of(*pair) is None:
        raise Refused(Reason.INVALID_EVIDENCE, "the two can stand beside each other")
    return tuple((signer_of(each), _digest(chain_id, each), each.signature) for each in pair)


def _digest(chain_id: str, message: Vote | Proposal) -> bytes:
    if isinstance(message, Vote):
        return vote_digest(chain_id, message)
    return proposal_digest(chain_id, message)


def _check_sorted(witnesses: tuple[Witness, ...]) -> None:
    keys = [witness.public_key for witness in witnesses]
    if any(first >= second for first, second in pairwise(keys)):
        raise Refused(Reason.WITNESSES_UNSORTED, f"{len(keys)} witnesses")


@lru_cache(maxsize=64)
def _domain(chain_id: str) -> Domain:
    return Domain("tx", chain_id)
