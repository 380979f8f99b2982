"""The totals of one chain."""

from gtxnode.chain.store import ChainStore
from gtxnode.rpc.views.ledger import SupplyView
from gtxnode.rpc.wire import Amount


class LedgerView:
    """Implements `rpc.backend.Ledger`."""

    def __init__(self, shard: str, store: ChainStore) -> None:
        self._shard = shard
        self._store = store

    async def supply(self) -> SupplyView:
        """What was minted, retired and issued."""
        height, supply = self._store.tip.height, self._store.supply()
        return SupplyView(
            self._shard,
            height,
            Amount(supply.minted_wh),
            Amount(supply.retired_wh),
            Amount(supply.minted_wh - supply.retired_wh),
            Amount(supply.gtx_ugtx),
            Amount(supply.burned_ugtx),
            Amount(supply.rewarded_ugtx),
            Amount(supply.held_wh),
            Amount(supply.voided_wh),
            Amount(supply.credits_issued_mgco2e),
            Amount(supply.credits_retired_mgco2e),
        )
