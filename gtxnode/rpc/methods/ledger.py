"""The chain's totals."""

from __future__ import annotations

from gtxnode.rpc.errors import ErrorCode
from gtxnode.rpc.methods.fields import OfShard
from gtxnode.rpc.methods.row import Session, row
from gtxnode.rpc.views.ledger import SupplyView


async def ledger_supply(session: Session, params: OfShard) -> SupplyView:
    """What was minted, retired, issued and burned."""
    return await session.node.chain(params.shard).ledger.supply()


ROWS = (row("ledger.supply", ledger_supply, ErrorCode.NOT_HOSTED),)
