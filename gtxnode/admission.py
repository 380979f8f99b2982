"""Whether a transaction that a client sends can take effect, as far as can be told on arrival.

Execution decides; this only saves a client the wait for what is certain to be refused: an input
that is spent or somebody else's, an order out of bounds, a reading that the meter's last one rules
out. The rules are the ledger's own. What rests on transactions still
pending is held against those, so a meter may send readings faster than blocks come.
"""

from collections.abc import Callable

from gtxnode.batches.batch import BatchKind
from gtxnode.batches.pool import CheckedBatch
from gtxnode.chain.calls import check_call
from gtxnode.chain.store import ChainStore
from gtxnode.ledger.block_state import BlockContext, Final
from gtxnode.ledger.bodies import (
    Amend,
    Cancel,
    RollCall,
    SubmitRecord,
)
from gtxnode.ledger.coin_view import CoinView, read_coin
from gtxnode.ledger.coins import meter_coin_id, order_coin_id
from gtxnode.ledger.market.order_limits import Placing, check_conditions, check_terms
from gtxnode.ledger.metering.meters import native
from gtxnode.ledger.senders import FEE_FREE, check_sender, is_for_good
from gtxnode.ledger.spend_rules import check_spend
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.metering.meters import Meter, Reading
from gtxnode.metering.readings import accept
from gtxnode.primitives.errors import Reason, Refused


class Admission:
    """Holds clients' transactions against the final state and what is pending on this node."""

    def __init__(
        self, store: ChainStore, is_pending: Callable[[bytes], bool], now_ms: Callable[[], int]
    ) -> None:
        self._store = store
        self._is_pending = is_pending
        self._now_ms = now_ms
        # The meters with readings pending here, as they will be once those are final. An entry
        # leaves with the block that takes its reading, or with a reading that is dropped.
        self._ahead: dict[bytes, tuple[bytes, Meter]] = {}

    def admit(self, transaction: CheckedTransaction) -> None:
        """Raise `Refused` for what cannot take effect."""
        body = transaction.body
        if isinstance(body, Reading | SubmitRecord):
            self._admit_reading(transaction, body.meter)
            return
        if isinstance(body, Cancel):
            self._admit_input(order_coin_id(body.order), transaction, Reason.UNKNOWN_ORDER)
            return
        if isinstance(body, Placing):
            check_terms(transaction, body, self._store.parameters.orders)
            check_conditions(body, self._store.parameters.orders)
        elif isinstance(body, Amend):
            self._admit_input(order_coin_id(body.order), transaction, Reason.UNKNOWN_ORDER)
        elif isinstance(body, RollCall):
            check_call(self._store, transaction)
        check_sender(final(self._store), transaction)
        for coin_id in getattr(body, "inputs", ()):
            self._admit_input(coin_id, transaction, Reason.UNKNOWN_COIN)

    def _admit_input(self, coin_id: bytes, transaction: CheckedTransaction, lost: Reason) -> None:
        """A coin has to be unspent and its witness's, or about to be made by what is pending."""
        coin = read_coin(self._store, coin_id)
        if coin is not None:
            check_spend(coin, transaction)
        elif not self._is_pending(coin_id[:32]):
            raise Refused(lost, coin_id.hex())

    def _admit_reading(self, transaction: CheckedTransaction, meter_id: bytes) -> None:
        meter = self._meter(meter_id)
        metered = accept(
            meter,
            native(transaction, meter),
            block_time_ms=max(self._now_ms(), self._store.tip.time_ms),
            limits=self._store.parameters.readings,
        )
        self._ahead[meter_id] = (transaction.id, metered.meter)

    def _meter(self, meter: bytes) -> Meter | None:
        ahead = self._ahead.get(meter)
        if ahead is not None and self._is_pending(ahead[0]):
            return ahead[1]
        coin = read_coin(self._store, meter_coin_id(self._store.chain_id, meter))
        assert coin is None or isinstance(coin, Meter), "a meter's id holds the meter"
        return coin

    def settle(self) -> None:
        """Forget readings that are no longer pending; called after each final block."""
        self._ahead = {
            meter: entry for meter, entry in self._ahead.items() if self._is_pending(entry[0])
        }


class BatchRefused(Exception):
    """A peer's batch that is not pooled. `for_good`: whoever sealed it could know."""

    def __init__(self, refusal: Refused, *, for_good: bool) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal
        self.for_good = for_good


def check_senders(store: ChainStore, batch: CheckedBatch) -> None:
    """Hold what pays no fee in a peer's batch against who may send it; raises `BatchRefused`.

    A rule of relaying: a block that names the batch is judged, and executed, without it.
    """
    if batch.sealed.batch.header.kind is not BatchKind.ORDINARY:
        return
    free = [each for each in batch.transactions if type(each.body) in FEE_FREE]
    if not free:
        return
    bench = final(store)
    for each in free:
        try:
            check_sender(bench, each)
        except Refused as refusal:
            known = batch.parent_height <= store.tip.height
            for_good = known and is_for_good(bench, each, refusal)
            raise BatchRefused(refusal, for_good=for_good) from refusal


def final(store: ChainStore) -> Final:
    """What is final, as the next block's rules would read it."""
    tip = store.tip
    context = BlockContext(store.chain_id, tip.height + 1, tip.time_ms, b"", store.parameters)
    return Final(context, CoinView(store))
