"""What regulators ask of one chain, from its state and the trail beside its blocks."""

from datetime import date
from itertools import islice, starmap
from typing import cast

import trio

from gtxnode.chain.audit import acts_after, day_totals, days_before, violations_after
from gtxnode.chain.days import Count, DayTotals, day_of
from gtxnode.chain.store import ChainStore
from gtxnode.ledger.authority.halts import SPOT, OfTrader, StandingHalt, standing_halts
from gtxnode.ledger.authority.mandates import MANDATES
from gtxnode.ledger.bodies import KIND_NAMES
from gtxnode.ledger.coin_view import CoinView, read_coin
from gtxnode.ledger.coins import Supply
from gtxnode.ledger.market.usage import Counter, UsageLimit, counter_coin_id
from gtxnode.primitives.zones import Role
from gtxnode.rpc.backend import EVENTS_PER_BLOCK
from gtxnode.rpc.errors import NotFound
from gtxnode.rpc.views.compliance import (
    ActPage,
    ActView,
    AuthorityView,
    CountView,
    HaltsView,
    HaltView,
    MandatesView,
    MandateView,
    OriginName,
    ReportView,
    RoleName,
    TotalsView,
    UsagesView,
    UsageView,
    ViolationPage,
    ViolationView,
)
from gtxnode.rpc.wire import Address, Amount, Hex
from gtxnode.tariffs.calendar import DAY_S, OFFSET_S, midnight_s

MAX_LOOKS = 10_000
"""Violations that one call looks at, to bound its cost; `next` goes on from there."""
MINUTE_S = 60


class ComplianceView:
    """Implements `rpc.backend.Compliance`."""

    def __init__(self, shard: str, store: ChainStore) -> None:
        self._shard = shard
        self._store = store

    async def mandates(self) -> MandatesView:
        """Who may sign what."""
        parameters = self._store.parameters
        keys: dict[Role, list[Hex]] = {}
        for each in parameters.authorities:
            keys.setdefault(each.role, []).append(Hex(each.public_key))
        return MandatesView(
            self._shard,
            self._store.tip.height,
            tuple(
                MandateView(
                    KIND_NAMES[kind],
                    tuple(_role_name(role) for role in sorted(mandate.roles)),
                    mandate.territorial,
                )
                for kind, mandate in MANDATES.items()
            ),
            tuple(AuthorityView(_role_name(role), tuple(keys[role])) for role in sorted(keys)),
        )

    async def halts(self) -> HaltsView:
        """What stands still."""
        tip = self._store.tip
        found = standing_halts(self._store.chain_id, CoinView(self._store), tip.time_ms)
        standing = sorted(found, key=lambda each: each[0].since_s)
        return HaltsView(tip.height, tip.time_ms, tuple(starmap(_halt_view, standing)))

    async def acts(self, *, after: int | None, limit: int) -> ActPage:
        """What authorities signed, numbered above `after`."""
        return await trio.to_thread.run_sync(self._acts, after, limit)

    def _acts(self, after: int | None, limit: int) -> ActPage:
        tip_height = self._store.tip.height
        found = [
            ActView(
                height * EVENTS_PER_BLOCK + position,
                height,
                act.time_ms,
                Hex(act.id),
                act.kind,
                None if act.role is None else _role_name(act.role),
                Hex(act.transaction),
            )
            for height, position, act in islice(
                acts_after(self._store.database, _place(after)), limit + 1
            )
        ]
        page = tuple(found[:limit])
        return ActPage(tip_height, page, page[-1].number if len(found) > limit else None)

    async def violations(
        self, *, after: int | None, limit: int, address: bytes | None, rule: str | None
    ) -> ViolationPage:
        """What rules refused, numbered above `after`; of one address, by one rule."""
        return await trio.to_thread.run_sync(self._violations, after, limit, address, rule)

    def _violations(
        self, after: int | None, limit: int, address: bytes | None, rule: str | None
    ) -> ViolationPage:
        tip_height = self._store.tip.height
        found: list[ViolationView] = []
        looks, number = 0, after
        for height, position, each in violations_after(self._store.database, _place(after)):
            if len(found) == limit or looks == MAX_LOOKS:
                return ViolationPage(tip_height, tuple(found), number)
            looks += 1
            number = height * EVENTS_PER_BLOCK + position
            if address is not None and address not in each.signers:
                continue
            if rule is not None and rule != each.rule:
                continue
            found.append(
                ViolationView(
                    number,
                    height,
                    each.time_ms,
                    Hex(each.id),
                    each.kind,
                    each.rule,
                    each.detail,
                    tuple(map(Address, each.signers)),
                )
            )
        return ViolationPage(tip_height, tuple(found), None)

    async def usage(self, address: bytes) -> UsagesView:
        """How far an address has used up the limits of use."""
        tip = self._store.tip
        limits = self._store.parameters.compliance.usage_limits
        now_s = tip.time_ms // 1_000
        views = tuple(self._usage(limit, address, now_s) for limit in limits)
        return UsagesView(tip.height, Address(address), views)

    def _usage(self, limit: UsageLimit, address: bytes, now_s: int) -> UsageView:
        start_s, end_s = limit.window_at(now_s)
        coin_id = counter_coin_id(self._store.chain_id, limit.name, start_s, address[0])
        counter = read_coin(self._store, coin_id)
        bought_wh = counter.of(address) if isinstance(counter, Counter) else 0
        return UsageView(limit.name, start_s, end_s, Amount(limit.max_wh), Amount(bought_wh))

    async def report(self, day: date) -> ReportView:
        """What the chain did in a day of Bangkok; raises `NotFound` for one that has not begun."""
        return await trio.to_thread.run_sync(self._report, day)

    def _report(self, day: date) -> ReportView:
        number = (midnight_s(day) + OFFSET_S) // DAY_S
        today = day_of(self._store.tip.time_ms)
        if number > today:
            raise NotFound(f"{day} has not begun on this chain")
        totals = self._totals(number)
        return ReportView(
            shard=self._shard,
            chain_id=self._store.chain_id,
            day=day.isoformat(),
            is_over=number < today,
            opening=_totals_view(totals.opening),
            closing=_totals_view(totals.closing),
            minted_wh=Amount(totals.minted_wh),
            retired_wh=Amount(totals.retired_wh),
            burned_ugtx=Amount(totals.burned_ugtx),
            rewarded_ugtx=Amount(totals.rewarded_ugtx),
            fees_ugtx=Amount(totals.fees_ugtx),
            trading_fees_ugtx=Amount(totals.trading_fees_ugtx),
            trades=totals.trades,
            traded_wh=Amount(totals.traded_wh),
            traded_ugtx=Amount(totals.traded_ugtx),
            forward_trades=totals.forward_trades,
            forward_wh=Amount(totals.forward_wh),
            forward_ugtx=Amount(totals.forward_ugtx),
            delivered_wh=Amount(totals.delivered_wh),
            delivered_ugtx=Amount(totals.delivered_ugtx),
            short_wh=Amount(totals.short_wh),
            short_ugtx=Amount(totals.short_ugtx),
            curtailments=totals.curtailments,
            curtailed_wh=Amount(totals.curtailed_wh),
            compensated_ugtx=Amount(totals.compensated_ugtx),
            lost_wh=Amount(totals.lost_wh),
            wires_ugtx=Amount(totals.wires_ugtx),
            premiums_ugtx=Amount(totals.premiums_ugtx),
            credits_issued_mgco2e=Amount(totals.credits_issued_mgco2e),
            credits_retired_mgco2e=Amount(totals.credits_retired_mgco2e),
            expired_orders=totals.expired,
            cancelled_orders=totals.cancelled,
            transactions=totals.transactions,
            refused=totals.refused,
            kinds=_counts(totals.kinds),
            acts=_counts(totals.acts),
            directives=_counts(totals.directives),
            violations=_counts(totals.violations),
        )

    def _totals(self, number: int) -> DayTotals:
        # Days are written down from 1970 on: there are no blocks before.
        found = day_totals(self._store.database, number) if number >= 0 else None
        return found or self._idle(max(0, number))

    def _idle(self, number: int) -> DayTotals:
        """A day in which the chain did nothing: its totals are those of the day before."""
        earlier = next(days_before(self._store.database, number), None)
        supply = earlier.closing if earlier is not None else self._first_supply()
        return DayTotals(number, supply, supply)

    def _first_supply(self) -> Supply:
        """The chain's totals before it did anything."""
        first = next(days_before(self._store.database, None), None)
        return self._store.supply() if first is None else first.opening


def _place(after: int | None) -> tuple[int, int]:
    """Where the first one numbered above `after` can stand."""
    return divmod(after + 1, EVENTS_PER_BLOCK) if after is not None else (0, 0)


def _role_name(role: Role) -> RoleName:
    return cast("RoleName", role.name)


def _halt_view(halt: StandingHalt, by_registry: bool) -> HaltView:
    trader = zone = product = None
    if isinstance(halt.scope, OfTrader):
        trader = Address(halt.scope.trader)
    else:
        zone = halt.scope.zone.name.lower() if halt.scope.zone is not None else None
        product = product_name(halt.scope.product) if halt.scope.product is not None else None
    return HaltView(
        trader,
        zone,
        product,
        _role_name(halt.role),
        halt.since_s,
        halt.until_s,
        halt.cause,
        origin_name(by_registry),
    )


def origin_name(by_registry: bool) -> OriginName:
    """How it is called where an act was signed that holds on a chain."""
    return "registry" if by_registry else "chain"


def product_name(product: int) -> str:
    """How a product is called in the interfaces."""
    return "spot" if product == SPOT else f"forward-{product // MINUTE_S}m"


def _totals_view(supply: Supply) -> TotalsView:
    return TotalsView(
        Amount(supply.minted_wh),
        Amount(supply.retired_wh),
        Amount(supply.minted_wh - supply.retired_wh),
        Amount(supply.held_wh),
        Amount(supply.voided_wh),
        Amount(supply.gtx_ugtx),
        Amount(supply.burned_ugtx),
        Amount(supply.rewarded_ugtx),
        Amount(supply.credits_issued_mgco2e),
        Amount(supply.credits_retired_mgco2e),
    )


def _counts(counts: tuple[Count, ...]) -> tuple[CountView, ...]:
    return tuple(CountView(each.name, each.number) for each in counts)
