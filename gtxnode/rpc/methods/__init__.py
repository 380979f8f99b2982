"""The method table: what may be called, with which parameters, and what comes back.

Each namespace has a module with its parameters, its handlers and its rows. Everything about a
method is in its handler's annotations and docstring; `discover`, the reference in `docs/rpc.md` and
the checks of parameters are all derived from the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain as chained

import msgspec

from gtxnode.rpc import wire
from gtxnode.rpc.codec import Params
from gtxnode.rpc.errors import ErrorCode, RpcFailure
from gtxnode.rpc.methods import (
    account,
    carbon,
    certificate,
    chain,
    compliance,
    events,
    forward,
    governance,
    grid,
    ledger,
    market,
    meter,
    node,
    rpc,
    tariff,
    tx,
)
from gtxnode.rpc.methods.row import Method

MAX_MESSAGE_CHARACTERS = 200
"""What is quoted of a parameter's fault: an unknown field's name may be a megabyte."""

_TOPICS = (
    *(node, chain, tx, meter, account, market, forward, ledger),
    *(governance, compliance),
    grid,
    *(tariff, certificate, carbon, events, rpc),
)
METHODS: Mapping[str, Method] = {
    method.name: method for method in chained.from_iterable(topic.ROWS for topic in _TOPICS)
}


def find(name: str) -> Method:
    """The method of that name; `RpcFailure` with METHOD_NOT_FOUND."""
    try:
        return METHODS[name]
    except KeyError:
        raise RpcFailure(ErrorCode.METHOD_NOT_FOUND) from None


def bind(method: Method, params: Params) -> msgspec.Struct:
    """A call's parameters, by name or by position, as the method's own type.

    `RpcFailure` with INVALID_PARAMS says which field is wrong and how.
    """
    if isinstance(params, list):
        names = method.params.__struct_encode_fields__
        if len(params) > len(names):
            message = f"{len(params)} parameters; {method.name} takes {len(names)}"
            raise RpcFailure(ErrorCode.INVALID_PARAMS, message)
        params = dict(zip(names, params, strict=False))
    try:
        return wire.convert(params, method.params)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        raise RpcFailure(
            ErrorCode.INVALID_PARAMS,
            message[:MAX_MESSAGE_CHARACTERS],
            {"field": path.strip("`").removeprefix("$.")} if path else None,
        ) from None
