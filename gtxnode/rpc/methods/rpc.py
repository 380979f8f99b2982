"""The interface itself."""

from __future__ import annotations

import msgspec

from gtxnode.rpc.methods.fields import NoParams
from gtxnode.rpc.methods.row import Session, row


async def rpc_discover(session: Session, params: NoParams) -> msgspec.Raw:
    """This interface as an OpenRPC document."""
    from gtxnode.rpc.discover import openrpc_document

    return msgspec.Raw(openrpc_document())


ROWS = (row("rpc.discover", rpc_discover),)
