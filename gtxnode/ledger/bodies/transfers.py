"""Coins to new owners, and energy that is consumed."""

from typing import Annotated

import msgspec

from gtxnode.ledger.bodies.fields import MAX_OUTPUTS, Inputs, Memo, Output
from gtxnode.metering.meters import AddressBytes


class Transfer(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=0):
    """Coins of both assets to new owners. GTX not given on is the fee; KWH balances by origin."""

    inputs: Inputs
    outputs: Annotated[tuple[Output, ...], msgspec.Meta(min_length=1, max_length=MAX_OUTPUTS)]
    memo: Memo = b""


class Retire(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=6):
    """Consume energy: what the outputs do not return, origin by origin, ceases to exist."""

    inputs: Inputs
    outputs: Annotated[tuple[Output, ...], msgspec.Meta(max_length=MAX_OUTPUTS)]
    consumer: AddressBytes
    """In whose name it is consumed."""
    memo: Memo = b""
