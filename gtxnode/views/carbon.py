"""Carbon reports of one chain, out of the days that its blocks kept (chain/activity.py)."""

from datetime import date

from gtxnode.carbon.credits import emitted_mgco2e
from gtxnode.chain.activity import day_number, zone_day
from gtxnode.chain.store import ChainStore
from gtxnode.primitives.sources import RENEWABLE, Source
from gtxnode.primitives.zones import Zone
from gtxnode.rpc.views.carbon import CarbonReportView, SourceEnergyView
from gtxnode.rpc.wire import Amount
from gtxnode.tariffs.calendar import midnight_s
from gtxnode.tariffs.money import rounded
from gtxnode.tariffs.tables import PPM, EmissionFactors
from gtxnode.views.prices import chain_tariffs


class CarbonView:
    """Implements `rpc.backend.Carbon`."""

    def __init__(self, shard: str, store: ChainStore) -> None:
        self._shard = shard
        self._store = store

    async def report(self, zone: Zone, day: date) -> CarbonReportView:
        """A zone's day in Bangkok. Costs one entry of the database."""
        start_s = midnight_s(day)
        found = zone_day(self._store.database, zone, day_number(start_s))
        factors = chain_tariffs(self._store).at(EmissionFactors, start_s)
        made_wh = sum(wh for _, wh in found.made_wh)
        renewable_wh = sum(wh for source, wh in found.made_wh if source in RENEWABLE)
        emitted_mg = emitted_mgco2e(factors, found.made_wh)
        return CarbonReportView(
            self._shard,
            self._store.tip.height,
            zone.name.lower(),
            day.isoformat(),
            Amount(found.imported_wh),
            _sources(found.made_wh),
            Amount(made_wh),
            rounded(renewable_wh * PPM, made_wh) if made_wh else None,
            rounded(emitted_mg * 1_000, made_wh) if made_wh else None,
            factors.grid_gco2e_per_kwh,
            _sources(found.retired_wh),
            Amount(sum(wh for _, wh in found.retired_wh)),
            Amount(found.credited_mgco2e),
        )


def _sources(energy: tuple[tuple[Source, int], ...]) -> tuple[SourceEnergyView, ...]:
    return tuple(SourceEnergyView(source.name.lower(), Amount(wh)) for source, wh in energy)
