"""Changes of parameters: a dotted name and a value as JSON, as the genesis file has them.

Whatever comes of a change is read as a whole, with every limit and every check of the genesis. What
the chain's own past or identity rests on cannot be changed by a vote (`FIXED`).

>>> from gtxnode.ledger.parameters import ChainParameters
>>> value_of(ChainParameters(), "orders.max_open_per_trader")
'100'
>>> amended(ChainParameters(), [Change("min_fee_ugtx", "2000")]).min_fee_ugtx
2000
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Any

import msgspec

from gtxnode.ledger.parameters import ChainParameters
from gtxnode.primitives.errors import Reason, Refused

MAX_NAME_LENGTH = 96
MAX_VALUE_LENGTH = 8_192
MAX_TEXT_BYTES = 196_608
"""Of all parameters as JSON: within what the largest coin has room for."""
MAX_DEPTH = 16
"""Of objects and arrays in a value."""

FIXED: Mapping[str, str] = MappingProxyType(
    {
        "zones": "follows from the chain's name",
        "registry": "follows from the chain's name",
        "authorities": "their keys have a rotation of their own",
        "tariffs": "the regulator's tables take their place, each for the time to come",
        "checkpoints": "says who signs checkpoints, and where: old ones must stay provable",
        "proposers": "draws the schedule by which the turns of past heights are judged",
        "admission.least_hashes": "the work of batches in old blocks is held against it",
        "staking.epoch_blocks": "which epoch a past height is of must stay the same",
        "staking.evidence_epochs": "committees are kept for as long",
        "staking.unbonding_epochs": "stake that votes must stay within reach of the evidence",
        "staking.late_heights": "the heights that are still open were opened under it",
    }
)
"""What no vote changes, and why. A name stands for all that is inside it."""


class Change(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One parameter and what it is to be."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME_LENGTH)]
    """Its names from the outside in, with dots between."""
    value: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_VALUE_LENGTH)]
    """As JSON."""


def amended(parameters: ChainParameters, changes: Iterable[Change]) -> ChainParameters:
    """The parameters with the changes; raises `Refused` where none are to be had that way."""
    document = _document(parameters)
    names: list[str] = []
    for change in changes:
        _check_name(change.name, names)
        names.append(change.name)
        holder, key = _place(document, change.name)
        holder[key] = _json(change)
    try:
        text = msgspec.json.encode(document)
        if len(text) > MAX_TEXT_BYTES:
            raise Refused(Reason.INVALID_CHANGE, f"all parameters are over {MAX_TEXT_BYTES} bytes")
        return msgspec.json.decode(text, type=ChainParameters)
    except (ValueError, OverflowError) as error:
        raise Refused(Reason.INVALID_CHANGE, str(error)) from error


def value_of(parameters: ChainParameters, name: str) -> str:
    """What a parameter is, as JSON; raises `Refused` where there is none of that name."""
    holder, key = _place(_document(parameters), name)
    return msgspec.json.encode(holder[key]).decode()


def _document(parameters: ChainParameters) -> dict[str, Any]:
    document = msgspec.json.decode(msgspec.json.encode(parameters))
    assert isinstance(document, dict), "parameters have names"
    return document


def _check_name(name: str, others: list[str]) -> None:
    for fixed, why in FIXED.items():
        if _overlap(name, fixed):
            raise Refused(Reason.FIXED_PARAMETER, f"{fixed}: {why}")
    for other in others:
        if _overlap(name, other):
            raise Refused(Reason.INVALID_CHANGE, f"{name} is changed twice")


def _overlap(first: str, second: str) -> bool:
    """Whether one of two names stands for the other, or for something that it is in."""
    return f"{first}.".startswith(f"{second}.") or f"{second}.".startswith(f"{first}.")


def _place(document: dict[str, Any], name: str) -> tuple[dict[str, Any], str]:
    """The object that holds a parameter, and its key there."""
    *outer, key = name.split(".")
    holder: Any = document
    for each in outer:
        holder = holder.get(each) if isinstance(holder, dict) else None
    if not isinstance(holder, dict) or key not in holder:
        raise Refused(Reason.UNKNOWN_PARAMETER, f"parameter {name}")
    return holder, key


def _json(change: Change) -> Any:
    depth = 0
    for character in change.value:
        depth += (character in "[{") - (character in "]}")
        # Decoders give up at a depth that is not the same in every process.
        if depth > MAX_DEPTH:
            raise Refused(Reason.INVALID_CHANGE, f"{change.name} is over {MAX_DEPTH} levels deep")
    try:
        return msgspec.json.decode(change.value)
    except ValueError as error:
        raise Refused(Reason.INVALID_CHANGE, f"{change.name} is no JSON: {error}") from error
