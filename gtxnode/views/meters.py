"""The meters of one chain."""

from collections.abc import Sequence

import trio

from gtxnode.chain.coin_tables import held_in
from gtxnode.chain.store import ChainStore
from gtxnode.ledger.coin_view import read_coin
from gtxnode.ledger.coins import meter_coin_id
from gtxnode.ledger.metering.meter_home_coins import MeterHome, meter_home_coin_id
from gtxnode.metering.meters import KeyCurve, Meter, RecordKey
from gtxnode.primitives.provinces import Province
from gtxnode.rpc.errors import BadValue, NotFound
from gtxnode.rpc.views.meters import (
    HeldPage,
    HomeView,
    JudgementView,
    MeterView,
    ProvinceView,
    RecordView,
)
from gtxnode.rpc.views.transactions import Verdict
from gtxnode.rpc.wire import Hex
from gtxnode.views.meter_shapes import held_view, judgement_view, meter_view, record_view
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
        meter = read_coin(self._store, coin_id)
        if meter is None:
            raise NotFound(f"meter {id.hex()}")
        assert isinstance(meter, Meter), "a meter's id holds the meter"
        return meter_view(coin_id, meter, self._store.parameters.territories)

    async def held(self, utility: str | None, *, after: bytes | None, limit: int) -> HeldPage:
        """What suspect readings exported, in one utility's territory or in both."""
        return await trio.to_thread.run_sync(self._held, utility, after, limit)

    def _held(self, utility: str | None, after: bytes | None, limit: int) -> HeldPage:
        height = self._store.tip.height
        territories = self._store.parameters.territories
        provinces = [
            each for each in Province if utility in (None, territories.utility_of(each).name)
        ]
        start = (after[0], after[1:]) if after else None
        with self._store.snapshot() as reader:
            found = list(held_in(reader, provinces, start, limit + 1))
        page = found[:limit]
        views = tuple(held_view(coin_id, encoded, territories) for _, coin_id, encoded in page)
        last = Hex(bytes([page[-1][0]]) + page[-1][1]) if len(found) > limit else None
        return HeldPage(height, views, last)

    async def home(self, public_key: bytes, curve: str | None, serial: str | None) -> HomeView:
        """Where a key counts; raises `NotFound`, and `BadValue` for what is no key."""
        key: bytes | RecordKey = bytes(public_key)
        if curve is not None or serial is not None:
            if curve is None or not serial:
                raise BadValue("serial", "a foreign meter's key goes with its curve and serial")
            key = RecordKey(KeyCurve[curve.upper()], bytes(public_key), serial)
        home = read_coin(self._store, meter_home_coin_id(self._store.chain_id, key))
        if home is None:
            raise NotFound(f"a home of the key {public_key.hex()}")
        assert isinstance(home, MeterHome), "homes' ids are their own domain"
        return HomeView(Hex(home.meter), home.shard.value, home.height)

    async def provinces(self) -> tuple[ProvinceView, ...]:
        """All provinces, by their numbers."""
        parameters = self._store.parameters
        return tuple(
            ProvinceView(
                province.value,
                province.name.lower(),
                province.zone.name.lower(),
                parameters.territories.utility_of(province).name,
                province.zone in parameters.zones,
            )
            for province in Province
        )

    async def verdict(self, record: bytes, public_key: str) -> JudgementView:
        """What is made of a foreign meter's record, held against a key."""
        return await trio.to_thread.run_sync(judgement_view, bytes(record), public_key)

    async def record(self, transaction: bytes) -> RecordView:
        """The record that a transaction brought; raises `NotFound`."""
        return await trio.to_thread.run_sync(record_view, self._store, bytes(transaction))
