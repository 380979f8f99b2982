"""Delivery slots as the interfaces' tests need them: one of everything, always the same."""

from gtxnode.rpc.errors import NotFound
from gtxnode.rpc.views.forwards import (
    ContractPage,
    ContractView,
    ForwardRulesView,
    ForwardTradePage,
    ForwardTradeView,
    IndicationView,
    ProductView,
    SettlementPage,
    SettlementView,
    SlotBookView,
    SlotPage,
    SlotSummary,
    SlotView,
)
from gtxnode.rpc.views.market import LevelView
from gtxnode.rpc.views.orders import SlotOrders, SlotOrderView
from gtxnode.rpc.wire import Address, Amount, Hex

SLOT = SlotView(1_800_000_000, 3_600)
SELLER, BUYER = Address(b"\x21" * 20), Address(b"\x22" * 20)
CONTRACT = Hex(b"\x23" * 32)
METER = Hex(b"\x05" * 16)
CLOSES_S = SLOT.start_s - 900


class FakeForwards:
    """Implements `backend.Forwards`."""

    def __init__(self, shard: str) -> None:
        self.shard = shard

    def rules(self) -> ForwardRulesView:
        return ForwardRulesView(
            self.shard,
            1,
            1_000,
            (ProductView(SLOT.length_s, "uniform", "ask", "pro_rata", 900),),
            172_800,
            86_400,
            Amount(6_380),
            100_000,
            Amount(10_000),
        )

    async def slots(self) -> SlotPage:
        bid = Amount(3_500)
        return SlotPage(self.shard, 1, (SlotSummary(SLOT, "uniform", CLOSES_S, 1, 0, bid, None),))

    async def book(self, start_s: int, length_s: int, depth: int) -> SlotBookView:
        if SlotView(start_s, length_s) != SLOT:
            raise NotFound(f"slot of {length_s} s from {start_s}")
        levels = (LevelView(Amount(3_500), Amount(50_000), 1),)[:depth]
        indication = IndicationView(Amount(3_500), Amount(50_000))
        return SlotBookView(
            self.shard, 1, SLOT, "uniform", CLOSES_S, levels, levels, 1, 1, indication
        )

    async def orders(self, address: bytes) -> SlotOrders:
        bid = SlotOrderView(
            *(Hex(b"\x24" * 32), "buy", SLOT, Amount(3_500), Amount(5_000), Amount(17_500_000)),
            *("bangkok", CLOSES_S, 1, 0),
            partner=SELLER,
        )
        return SlotOrders(self.shard, 1, (bid,))

    async def contracts(self, address: bytes, *, after: bytes | None, limit: int) -> ContractPage:
        contract = ContractView(
            *(CONTRACT, SLOT, SELLER, Address(address), METER, "bangkok", "bangkok"),
            *(Amount(5_000), Amount(2_000), Amount(3_500), Amount(6_380), Amount(12_760_000)),
            *(SLOT.start_s + 90_000, 10_000),
        )
        return ContractPage(1, (contract,)[:limit], None)

    async def trades(self, *, after: int | None, limit: int) -> ForwardTradePage:
        trade = ForwardTradeView(
            *(CONTRACT, 7, 1, 1_000, SLOT, Hex(bytes(32)), Hex(bytes(32)), SELLER, BUYER, METER),
            *(Amount(5_000), Amount(3_500), Amount(6_380), Amount(17_500_000)),
            *(Amount(5_350_000), Amount(79), 10_000),
        )
        return ForwardTradePage(1, (trade,)[:limit], None)

    async def settlements(self, *, after: int | None, limit: int) -> SettlementPage:
        settlement = SettlementView(
            *(CONTRACT, 8, 1, 1_000, SLOT, SELLER, BUYER, Amount(4_000), Amount(1_000), Amount(0)),
            *(Amount(14_000_000), Amount(2_880_000), Amount(140_000)),
        )
        return SettlementPage(1, (settlement,)[:limit], None)
