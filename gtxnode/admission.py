"""Whether a transaction that a client sends can take effect, as far as can be told on arrival.

Execution decides; this only saves a client the wait for what is certain to be refused: an input
that is spent or somebody else's, an order out of bounds, a reading that the meter's last one rules
out. The rules are the ledger's own. What rests on transactions still
pending is held against those, so a meter may send readings faster than blocks come.
"""

from collections.abc import Callable

from gtxnode.chain.calls import check_call
from gtxnode.chain.store import ChainStore
from gtxnode.ledger.bodies import (
    Amend,
    Cancel,
    RenewChain,
    RollCall,
    SubmitRecord,
)
from gtxnode.ledger.coin_view import read_coin
from gtxnode.ledger.coins import meter_coin_id, order_coin_id
from gtxnode.ledger.commitments import check_renewal_signed
from gtxnode.ledger.mandates import check_signed
from gtxnode.ledger.meters import native
from gtxnode.ledger.order_limits import Placing, check_conditions, check_terms
from gtxnode.ledger.spend_rules import check_spend
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.ledger.validators import validator_coin_id
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
        elif isinstance(body, RenewChain):
            self._admit_renewal(transaction, body)
        elif isinstance(body, RollCall):
            check_call(self._store, transaction)
        check_signed(self._store.parameters, transaction)
        for coin_id in getattr(body, "inputs", ()):
            self._admit_input(coin_id, transaction, Reason.UNKNOWN_COIN)

    def _admit_input(self, coin_id: bytes, transaction: CheckedTransaction, lost: Reason) -> None:
        """A coin has to be unspent and its witness's, or about to be made by what is pending."""
        coin = read_coin(self._store, coin_id)
        if coin is not None:
            check_spend(coin, transaction)
        elif not self._is_pending(coin_id[:32]):
            raise Refused(lost, coin_id.hex())

    def _admit_renewal(self, transaction: CheckedTransaction, body: RenewChain) -> None:
        """It pays no fee, so nobody but a validator may have it carried."""
        check_renewal_signed(body, transaction)
        if self._store.get(validator_coin_id(self._store.chain_id, body.validator)) is None:
            raise Refused(Reason.UNKNOWN_VALIDATOR, f"validator {body.validator.hex()}")

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
