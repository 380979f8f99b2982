"""Coins to new owners, and energy that is consumed."""

from typing import Annotated

import msgspec

from gtxnode.ledger.bodies.fields import MAX_OUTPUTS, Inputs, Memo, Output
from gtxnode.metering.meters import AddressBytes, MeterId


class Transfer(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=0):
    """Coins of all assets to new owners.

    GTX not given on is the fee; KWH balances by origin, and credits balance.
    """

    inputs: Inputs
    outputs: Annotated[tuple[Output, ...], msgspec.Meta(min_length=1, max_length=MAX_OUTPUTS)]
    memo: Memo = b""


class Retire(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=6):
    """Consume energy: what the outputs do not return, origin by origin, ceases to exist."""

    inputs: Inputs
    outputs: Annotated[tuple[Output, ...], msgspec.Meta(max_length=MAX_OUTPUTS)]
    consumer: AddressBytes
    """In whose name it is consumed, and whose credits it earns."""
    memo: Memo = b""
    meter: MeterId | None = None
    """The consumer's meter whose import it covers; None where it is retired voluntarily, beyond
    what anybody's meter took in."""


class RetireCredits(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=35):
    """Use carbon credits up: what the outputs do not return ceases to exist."""

    inputs: Inputs
    outputs: Annotated[tuple[Output, ...], msgspec.Meta(max_length=MAX_OUTPUTS)]
    beneficiary: AddressBytes
    """In whose name."""
    memo: Memo = b""
