"""Tariffs, quotes and bills of one chain.

A bill reads one month of one address out of the index of activity (chain/activity.py) and nothing
else: about 3,000 lines for a meter that reads each quarter of an hour.
"""

from collections.abc import Iterable
from functools import partial

import trio

from gtxnode.chain.activity import AccountLine, CoverLine, JudgementLine, Line, MeterLine, lines
from gtxnode.chain.store import ChainStore
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone
from gtxnode.rpc.errors import BadValue, NotFound
from gtxnode.rpc.views.tariffs import (
    BillView,
    ChargeView,
    GridPriceView,
    HoldingChangeView,
    PricePartView,
    QuoteView,
    TablesView,
    TableView,
)
from gtxnode.rpc.wire import Address, Amount
from gtxnode.tariffs.bill import Bill, Charge, Cover, Flow, Posted, bill
from gtxnode.tariffs.calendar import local_day, parse_month
from gtxnode.tariffs.charges import UnknownClass
from gtxnode.tariffs.quote import ChainCharges, Quote, quote
from gtxnode.tariffs.reference import Bounds, Circumstances
from gtxnode.tariffs.tables import kind_of
from gtxnode.views.prices import chain_tariffs, order_bounds


class TariffsView:
    """Implements `rpc.backend.Tariffs`."""

    def __init__(self, shard: str, store: ChainStore) -> None:
        self._shard = shard
        self._store = store

    async def tables(self, at_s: int | None) -> TablesView:
        """All tables, and which are in force at a time, the head's if none is given."""
        height, tariffs = self._store.tip.height, chain_tariffs(self._store)
        now_s = self._now_s() if at_s is None else at_s
        ordered = sorted(tariffs.tables, key=kind_of)
        views = tuple(TableView(tariffs.in_force(table, now_s), table) for table in ordered)
        return TablesView(self._shard, height, now_s, views)

    async def quote(
        self,
        *,
        source: Source,
        from_zone: Zone,
        to_zone: Zone,
        at_s: int | None,
        price_mgtx_per_kwh: int | None,
        customer: str,
        capacity_w: int,
    ) -> QuoteView:
        """A kWh at a price, the reference price if none is given."""
        depth, grid = self._store.depth, self._store.parameters.grid
        where = Circumstances(
            self._now_s() if at_s is None else at_s,
            source,
            from_zone,
            to_zone,
            sum(level.quantity_wh for level in depth.bids),
            sum(level.quantity_wh for level in depth.asks),
        )
        tariffs = chain_tariffs(self._store)
        try:
            found = quote(
                tariffs,
                where,
                Bounds(*order_bounds(self._store)),
                customer=customer,
                capacity_w=capacity_w,
                price_mgtx_per_kwh=price_mgtx_per_kwh,
                charges=_charges_of(self._store.parameters, from_zone, to_zone),
                stamp=grid is None,
            )
        except UnknownClass as error:
            raise BadValue("customer", str(error)) from error
        known = local_day(where.at_s).year in tariffs.known_years
        return _quote_view(self._shard, where.at_s, found, calendar_known=known)

    async def bill(self, address: bytes, month: str, customer: str) -> BillView:
        """A month of an address as a customer of a class; raises `BadValue`, `NotFound`."""
        work = partial(self._bill, address, month, customer)
        return await trio.to_thread.run_sync(work)

    def _bill(self, address: bytes, text: str, customer: str) -> BillView:
        try:
            month = parse_month(text)
        except ValueError as error:
            raise BadValue("month", str(error)) from error
        now_s, tariffs = self._now_s(), chain_tariffs(self._store)
        if month.start_s > now_s:
            raise BadValue("month", f"{month} has not begun: the head's time is {now_s}")
        with self._store.snapshot() as reader:
            found = list(lines(reader, address, month.start_s, month.end_s))
        if not found and month.end_s <= self._store.begins_s:
            # What meters read before the chain began may have come to it later.
            began = local_day(self._store.begins_s).isoformat()
            raise NotFound(f"{month}, before the chain began on {began},")
        flows, postings, covers = sorted_lines(found)
        try:
            stamp = self._store.parameters.grid is None
            made = bill(tariffs, customer, month, flows, postings, covers, stamp=stamp)
        except UnknownClass as error:
            raise BadValue("customer", str(error)) from error
        return _bill_view(self._shard, address, customer, made, complete=now_s >= month.end_s)

    def _now_s(self) -> int:
        return self._store.tip.time_ms // 1_000


def sorted_lines(
    found: Iterable[tuple[int, Line]],
) -> tuple[list[Flow], list[Posted], list[Cover]]:
    """Lines of activity as a bill takes them."""
    flows: dict[tuple[bytes, int], Flow] = {}
    postings: list[Posted] = []
    covers: list[Cover] = []
    for at_s, line in found:
        match line:
            case MeterLine():
                flows[line.meter, at_s] = _flow(at_s, line)
            case JudgementLine():
                # Its reading stands under the same time, and came first.
                held = flows[line.meter, at_s]
                flows[line.meter, at_s] = _judged(held, line)
            case AccountLine():
                postings += [
                    Posted(at_s, each.why.name.lower(), each.ugtx, each.wh)
                    for each in line.postings
                ]
            case CoverLine():
                covers.append(Cover(at_s, line.end_s, line.energy_wh))
    return list(flows.values()), postings, covers


def _flow(at_s: int, line: MeterLine) -> Flow:
    counted_wh = 0 if line.suspect else line.exported_wh
    held_wh = line.exported_wh - counted_wh
    capacity = line.capacity_w
    return Flow(at_s, line.end_s, line.imported_wh, counted_wh, capacity, line.meter, held_wh)


def _judged(held: Flow, line: JudgementLine) -> Flow:
    if line.released:
        return held._replace(exported_wh=line.energy_wh, held_wh=0)
    return held._replace(voided_wh=line.energy_wh, held_wh=0)


def _charges_of(parameters: ChainParameters, seller: Zone, buyer: Zone) -> ChainCharges:
    """What the chain takes on a trade, in normal times: without a premium."""
    routes = parameters.grid.routes if parameters.grid is not None else ()
    way = next((each for each in routes if (each.seller, each.buyer) == (seller, buyer)), None)
    return ChainCharges(
        way.charges if way is not None else (),
        way.loss_ppm if way is not None else 0,
        parameters.orders.trading_fee_ppm,
    )


def _quote_view(shard: str, at_s: int, found: Quote, *, calendar_known: bool) -> QuoteView:
    grid = found.grid
    return QuoteView(
        shard,
        at_s,
        Amount(found.price_mgtx_per_kwh),
        Amount(found.reference.price_mgtx_per_kwh),
        tuple(
            PricePartView(part.name, part.factor_ppm, Amount(part.change_mgtx_per_kwh))
            for part in found.reference.parts
        ),
        Amount(found.energy_uthb),
        Amount(found.trading_fee_uthb),
        Amount(found.chain_charges_uthb),
        {role.name.lower(): Amount(uthb) for role, uthb in found.wires_uthb},
        found.lost_ppm,
        Amount(found.wheeling_uthb),
        Amount(found.wheeling_vat_uthb),
        Amount(found.buyer_total_uthb),
        GridPriceView(
            grid.on_peak,
            Amount(grid.energy_uthb),
            Amount(grid.ft_uthb),
            Amount(grid.vat_uthb),
            Amount(grid.total_uthb),
        ),
        Amount(found.feed_in_uthb),
        Amount(found.buyer_gains_uthb),
        Amount(found.seller_gains_uthb),
        calendar_known,
    )


def _bill_view(
    shard: str, address: bytes, customer: str, made: Bill, *, complete: bool
) -> BillView:
    return BillView(
        shard,
        Address(address),
        str(made.month),
        customer,
        complete,
        made.meters,
        Amount(made.imported_on_wh),
        Amount(made.imported_off_wh),
        Amount(made.covered_on_wh),
        Amount(made.covered_off_wh),
        Amount(made.exported_wh),
        Amount(made.held_wh),
        Amount(made.voided_wh),
        Amount(made.bought_wh),
        Amount(made.sold_wh),
        Amount(made.unsold_wh),
        _charges(made.here),
        Amount(made.here_satang),
        _charges(made.grid_only),
        Amount(made.grid_only_satang),
        Amount(made.saved_satang),
        tuple(
            HoldingChangeView(each.name, Amount(each.ugtx), Amount(each.wh), each.billed)
            for each in made.account
        ),
        Amount(sum(each.ugtx for each in made.account)),
        Amount(sum(each.wh for each in made.account)),
    )


def _charges(charges: Iterable[Charge]) -> tuple[ChargeView, ...]:
    return tuple(
        ChargeView(each.name, Amount(each.energy_wh), Amount(each.amount_satang))
        for each in charges
    )
