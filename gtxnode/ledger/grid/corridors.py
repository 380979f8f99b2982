"""The grid in a block: what trades may still use of it, and what they owe for it.

One `Carrier` goes with a block, made when the first order or act asks for it: a chain without a
grid model has none and pays nothing. It reads limits, conditions and a slot's use from their coins
once, keeps them while the block's trades change them, and `settle` writes back what has changed.

Energy that exists already counts in the slot of the block's time; energy of a delivery slot counts
in each of the grid's slots that its delivery covers.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import NamedTuple, TypeAlias

from msgspec.structs import replace

from gtxnode.grid.charges import Toll, lost_wh, toll_of
from gtxnode.grid.corridors import HOUR_S, Limits, SlotUse, Way, spread, ways
from gtxnode.grid.model import SLOT_S, GridModel, Route
from gtxnode.grid.status import GridStatus, Standing, standing_of
from gtxnode.ledger.accounts import Why
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.coin_view import CoinView
from gtxnode.ledger.coins import Cash
from gtxnode.ledger.grid.grid_coins import (
    CorridorUse,
    GridFund,
    GridLimits,
    OpenSlots,
    ZoneStatus,
    fund_coin_id,
    limits_coin_id,
    open_slots_coin_id,
    slot_start,
    use_coin_id,
    wires_coin_id,
    zone_status_coin_id,
)
from gtxnode.ledger.market.market_rules import is_way_halted
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.primitives.addresses import Address, address_of
from gtxnode.primitives.zones import Role, Zone


class Span(NamedTuple):
    """When energy is carried, evenly."""

    start_s: int
    end_s: int


_PAIR_BASE = 2 * len(Zone)
W_PER_WH = HOUR_S // SLOT_S
"""The mean power in a slot of a Wh that is delivered within it."""

Uses: TypeAlias = dict[int, SlotUse]
"""What is used of slots, by their beginnings."""
Filled: TypeAlias = dict[tuple[int, Span], tuple[Zone, Zone]]
"""Ways by their pair as one number, and when."""


class Carrier:
    """The grid as a block has left it so far."""

    __slots__ = (
        "_chain_id",
        "_coins",
        "_halted",
        "_limits",
        "_routes",
        "_standings",
        "_time_ms",
        "_tolls",
        "_uses",
        "_ways",
        "changed",
        "filled",
        "model",
    )

    def __init__(
        self,
        chain_id: str,
        time_ms: int,
        coins: CoinView,
        model: GridModel,
        halted: Callable[[Zone, Zone], bool],
    ) -> None:
        """At the block's time, over the coins as they change while it is executed.

        `halted` says whether the regulator lets nothing go between two zones.
        """
        self._halted = halted
        self._chain_id = chain_id
        self._time_ms = time_ms
        self._coins = coins
        self.model = model
        self._ways, self._routes = _tables(model)
        self._uses: Uses = {}
        self._limits: dict[int, Limits] = {}
        self._standings: dict[tuple[int, int], Standing] = {}
        self._tolls: dict[tuple[int, int, int], Toll] = {}
        self.changed: set[int] = set()
        """The slots whose use is not what their coin says."""
        self.filled: Filled = {}
        """The ways on which a walk of the block came to the end of what is carried."""

    def room_wh(self, seller: Zone, buyer: Zone, span: Span, uses: Uses) -> int:
        """The most energy that can be carried, evenly over the slots; zero where it is refused.

        `uses` are the span's as they are (`uses_of`), or as a plan would leave them.
        """
        way = self._ways.get(pair_of(seller, buyer))
        if way is None or self._halted(seller, buyer):
            return 0
        if self.standing(seller, buyer, span) is Standing.REFUSED:
            return 0
        return min(
            uses[start].room(way, self.limits(start)) // watts for start, watts in parts_of(span)
        )

    def has_room(self, seller: Zone, buyer: Zone, span: Span) -> bool:
        """Whether anything can be carried, as the block has left it so far."""
        uses = {start: self.use(start) for start, _ in parts_of(span)}
        return self.room_wh(seller, buyer, span, uses) > 0

    def has_opened(self, start_s: int) -> bool:
        """Whether some way of a slot has more room than with the use that its coin says, which did
        not carry a Wh of every product."""
        limits, use, was = self.limits(start_s), self.use(start_s), self._coins_use(start_s)
        return was.is_tight(limits) and any(
            was.room(way, limits) < min(W_PER_WH, use.room(way, limits))
            for way in self._ways.values()
        )

    def take(self, seller: Zone, buyer: Zone, span: Span, uses: Uses, quantity_wh: int) -> None:
        """Use slots of the span for that much, or with a negative amount give it back.

        Slots that `uses` leaves out are left alone.
        """
        way = self._ways[pair_of(seller, buyer)]
        for start, watts in parts_of(span):
            if start in uses:
                uses[start].take(way, quantity_wh * watts)

    def uses_of(self, span: Span) -> Uses:
        """Copies of what is used of the slots that a span covers."""
        return {start: self.use(start).copy() for start, _ in parts_of(span)}

    def keep(self, uses: Uses) -> None:
        """What is planned is done: these are the slots' uses now."""
        self._uses.update(uses)
        self.changed.update(uses)

    def way(self, seller: Zone, buyer: Zone) -> Way | None:
        """What a trade between the two loads; None where the model does not have both."""
        return self._ways.get(pair_of(seller, buyer))

    def toll(self, seller: Zone, buyer: Zone, span: Span, price_mgtx_per_kwh: int) -> Toll:
        """What a kWh costs beside the seller's price."""
        key = (pair_of(seller, buyer), span.start_s, price_mgtx_per_kwh)
        known = self._tolls.get(key)
        if known is None:
            conditional = self.standing(seller, buyer, span) is Standing.CONDITIONAL
            route = self._routes.get(pair_of(seller, buyer))
            known = self._tolls[key] = toll_of(
                route.charges if route is not None else (),
                premium_ppm=self.model.status.premium_ppm if conditional else 0,
                price_mgtx_per_kwh=price_mgtx_per_kwh,
            )
        return known

    def lost_wh(self, seller: Zone, buyer: Zone, quantity_wh: int) -> int:
        """What of it does not arrive; nothing within one zone."""
        route = self._routes.get(pair_of(seller, buyer))
        return lost_wh(route.loss_ppm, quantity_wh) if route is not None else 0

    def standing(self, seller: Zone, buyer: Zone, span: Span) -> Standing:
        """What trades between the two zones are, by the grid's condition."""
        return max(self.standing_of(seller, span), self.standing_of(buyer, span))

    def standing_of(self, zone: Zone, span: Span) -> Standing:
        """What trades in a zone are."""
        known = self._standings.get((int(zone), span.start_s))
        if known is None:
            rules, status = self.model.status, self.status_of(zone, span)
            known = rules.unknown if status is None else standing_of(rules, status)
            self._standings[int(zone), span.start_s] = known
        return known

    def status_of(self, zone: Zone, span: Span) -> GridStatus | None:
        """A zone's condition; None where none is known. One that will be too old when the span
        begins says nothing of it."""
        coin = self._coins.get(zone_status_coin_id(self._chain_id, zone))
        if not isinstance(coin, ZoneStatus):
            return None
        age_ms = max(self._time_ms, span.start_s * 1_000) - coin.posted_ms
        return coin.status if age_ms <= self.model.status.max_age_s * 1_000 else None

    def use(self, start_s: int) -> SlotUse:
        """What is used of a slot. To be changed in a copy, which `keep` then takes."""
        use = self._uses.get(start_s)
        if use is None:
            use = self._uses[start_s] = self._coins_use(start_s)
        return use

    def _coins_use(self, start_s: int) -> SlotUse:
        coin = self._coins.get(use_coin_id(self._chain_id, start_s))
        if isinstance(coin, CorridorUse) and self._fits(coin):
            return SlotUse([*coin.flows], [*coin.sold], [*coin.delivered])
        return SlotUse.empty(len(self.model.corridors), len(self.model.zones))

    def limits(self, start_s: int) -> Limits:
        """What holds in a slot."""
        held = self._limits.get(start_s)
        if held is None:
            coin = self._coins.get(limits_coin_id(self._chain_id))
            posted = coin if isinstance(coin, GridLimits) else GridLimits()
            held = self._limits[start_s] = limits_at(self.model, posted, start_s)
        return held

    def forget(self) -> None:
        """Read limits and conditions anew: an act has changed them."""
        self._limits.clear()
        self._standings.clear()
        self._tolls.clear()

    def used(self) -> Iterable[tuple[int, SlotUse]]:
        """The slots that have changed, earliest first."""
        return ((start, self._uses[start]) for start in sorted(self.changed))

    def _fits(self, coin: CorridorUse) -> bool:
        """Whether it is a use of this model's: another may have been voted in during the slot."""
        sizes = (len(coin.flows), len(coin.sold))
        return sizes == (len(self.model.corridors), len(self.model.zones))


def carrier_of(state: BlockState) -> Carrier | None:
    """The block's grid; None on a chain without one."""
    context = state.context
    if state.carrier is None and context.parameters.grid is not None:
        state.carrier = Carrier(
            context.chain_id,
            context.time_ms,
            state.coins,
            context.parameters.grid,
            partial(is_way_halted, state),
        )
    return state.carrier


def limits_at(model: GridModel, posted: GridLimits, start_s: int) -> Limits:
    """What holds in a slot: what authorities posted for it, else what the model says."""
    corridors = {r.place: r for r in posted.corridors if r.start_s <= start_s < r.end_s}
    zones = {r.zone: r for r in posted.zones if r.start_s <= start_s < r.end_s}
    held = [(each, corridors.get((each.first, each.second), each)) for each in model.corridors]
    return Limits(
        tuple(limit.forward_mw for _, limit in held),
        tuple(limit.backward_mw for _, limit in held),
        tuple(zones[zone].sold_mw if zone in zones else None for zone in model.zones),
        tuple(zones[zone].delivered_mw if zone in zones else None for zone in model.zones),
    )


def account_of(parameters: ChainParameters, role: Role) -> Address | None:
    """Where an authority's wires are paid for: the address of its first key, if it has one."""
    keys = parameters.keys_of(frozenset({role}))
    return address_of(min(keys)) if keys else None


def begin(state: BlockState) -> None:
    """Drop what is known of slots that have ended, where the block is the first of a new slot."""
    context = state.context
    now_s = slot_start(context.time_ms // 1_000)
    if slot_start((context.time_ms - context.elapsed_ms) // 1_000) == now_s:
        return
    known = open_slots(state)
    if not known.starts or known.starts[0] >= now_s:
        return
    for start_s in known.starts:
        if start_s < now_s:
            use_id = use_coin_id(context.chain_id, start_s)
            if state.coins.get(use_id) is not None:
                state.coins.spend(use_id)
    left = tuple(start_s for start_s in known.starts if start_s >= now_s)
    keep_open(state, replace(known, starts=left))


def open_slots(state: BlockState) -> OpenSlots:
    """What goes on from the blocks before."""
    coin = state.coins.get(open_slots_coin_id(state.context.chain_id))
    return coin if isinstance(coin, OpenSlots) else OpenSlots()


def keep_open(state: BlockState, kept: OpenSlots) -> None:
    """Let the next block find it."""
    coin_id = open_slots_coin_id(state.context.chain_id)
    if kept.starts or kept.sweeps:
        state.coins.make(coin_id, kept)
    elif state.coins.get(coin_id) is not None:
        state.coins.spend(coin_id)


def settle(state: BlockState) -> None:
    """Write the slots' use, and pay the wires and the fund what the block's trades owe them."""
    if state.carrier is not None and state.carrier.changed:
        _write_uses(state, state.carrier)
    context = state.context
    to_fund_ugtx = state.premiums_ugtx
    for role, amount_ugtx in sorted(state.wires_ugtx.items()):
        account = account_of(context.parameters, role)
        if account is None:
            to_fund_ugtx += amount_ugtx
        elif amount_ugtx:
            coin_id = wires_coin_id(context.chain_id, context.height, role)
            state.coins.make(coin_id, Cash(account, amount_ugtx))
            state.accounts.post(account, Why.WIRES, ugtx=amount_ugtx)
    if to_fund_ugtx:
        fund(state, to_fund_ugtx)


def fund(state: BlockState, amount_ugtx: int) -> None:
    """Put money into the grid's fund, or with a negative amount take it out."""
    coin_id = fund_coin_id(state.context.chain_id)
    left_ugtx = fund_ugtx(state) + amount_ugtx
    assert left_ugtx >= 0, "the fund pays no more than it has"
    if left_ugtx:
        state.coins.make(coin_id, GridFund(left_ugtx))
    elif amount_ugtx:
        state.coins.spend(coin_id)


def fund_ugtx(state: BlockState) -> int:
    """What is in the grid's fund."""
    coin = state.coins.get(fund_coin_id(state.context.chain_id))
    return coin.amount_ugtx if isinstance(coin, GridFund) else 0


def _write_uses(state: BlockState, carrier: Carrier) -> None:
    chain_id = state.context.chain_id
    known = open_slots(state)
    for start_s, use in carrier.used():
        # Below zero only where contracts are cut that were made under another model.
        sold, delivered = (tuple(max(0, each) for each in by) for by in (use.sold, use.delivered))
        made = CorridorUse(start_s, tuple(use.flows), sold, delivered)
        state.coins.make(use_coin_id(chain_id, start_s), made)
    starts = tuple(sorted(carrier.changed.union(known.starts)))
    if len(starts) != len(known.starts):
        keep_open(state, replace(known, starts=starts))


@lru_cache(maxsize=1_024)
def parts_of(span: Span) -> tuple[tuple[int, int], ...]:
    """The grid's slots that a span touches, and the watts in each that a Wh of it comes to."""
    return spread(*span)


def pair_of(seller: Zone, buyer: Zone) -> int:
    """Two zones as one number: an enumeration's members hash by their names, which is slow."""
    return seller * _PAIR_BASE + buyer


@lru_cache(maxsize=4)
def _tables(model: GridModel) -> tuple[dict[int, Way], dict[int, Route]]:
    """What is looked up of a model by a pair of zones."""
    return (
        {pair_of(*pair): way for pair, way in ways(model).items()},
        {pair_of(each.seller, each.buyer): each for each in model.routes},
    )
