"""The meters of one chain."""

from collections.abc import Sequence

from gtxnode.chain.store import ChainStore
from gtxnode.ledger.coins import decode_coin, meter_coin_id
from gtxnode.metering.meters import Meter, RecordKey
from gtxnode.rpc.errors import NotFound
from gtxnode.rpc.views.meters import MeterView, RecordKeyView
from gtxnode.rpc.views.transactions import Verdict
from gtxnode.rpc.wire import Address, Amount, Hex
from gtxnode.views.transactions import TransactionsView


class MetersView:
    """Implements `rpc.backend.Meters`."""

    def __init__(self, store: ChainStore, transactions: TransactionsView) -> None:
        self._store = store
        self._transactions = transactions

    async def submit(self, readings: Sequence[bytes]) -> tuple[Verdict, ...]:
        """Check and pool readings; high S in a signature is normalised here."""
        return await self._transactions.submit_readings(readings)

    async def get(self, id: bytes) -> MeterView:
        """A meter and its last accepted reading; raises `NotFound`."""
        coin_id = meter_coin_id(self._store.chain_id, id)
        encoded = self._store.get(coin_id)
        if encoded is None:
            raise NotFound(f"meter {id.hex()}")
        meter = decode_coin(encoded)
        assert isinstance(meter, Meter), "a meter's id holds the meter"
        key = meter.public_key
        return MeterView(
            id=Hex(id),
            coin=Hex(coin_id),
            owner=Address(meter.owner),
            public_key=Hex(key.point if isinstance(key, RecordKey) else key),
            province=meter.province.name.lower(),
            utility=self._store.parameters.territories.utility_of(meter.province).name,
            zone=meter.zone.name.lower(),
            source=meter.source.name.lower(),
            capacity_w=Amount(meter.capacity_w),
            counter=meter.counter,
            last_end_s=meter.end_s,
            import_wh=Amount(meter.import_wh),
            export_wh=Amount(meter.export_wh),
            direction=meter.direction.name.lower(),
            revision=meter.revision,
            retired=meter.retired,
            last_moved_s=meter.moved_s,
            record_key=_record_key(key) if isinstance(key, RecordKey) else None,
        )


def _record_key(key: RecordKey) -> RecordKeyView:
    return RecordKeyView(key.curve.name.lower(), key.serial, key.context)
