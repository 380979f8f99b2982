"""What the index keeps of a block: every side of a trade, with what its way cost."""

from msgspec import structs

from gtxnode.chain.activity import AccountLine, lines, put_activity
from gtxnode.ledger.accounts import Posting, Why
from gtxnode.ledger.coins import Lot, Origin
from gtxnode.ledger.outcome import BlockOutcome, Trade, Wheeling
from gtxnode.market.orders import Side
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Role, Zone
from storage.kv import WriteBatch
from storage.memory import MemoryStore
from tests.ledger.little_chain import LittleChain

BUYER, SELLER = b"\x01" * 20, b"\x02" * 20
LOT = Lot(1_000, Origin(Zone.BANGKOK, Source.SOLAR, 0, 900, bytes(16)))


def kept(trade: Trade) -> dict[bytes, list[Posting]]:
    empty: BlockOutcome = LittleChain().execute()
    store, write = MemoryStore(), WriteBatch()
    put_activity(write, store, 1, 5_000, structs.replace(empty, trades=(trade,)))
    store.write(write, sync=True)
    return {
        owner: [
            posting
            for _, line in lines(store, owner, 5, 6)
            if isinstance(line, AccountLine)
            for posting in line.postings
        ]
        for owner in (BUYER, SELLER)
    }


def test_the_buyer_bears_what_the_way_cost() -> None:
    trade = Trade(bytes(32), bytes(32), bytes(32), BUYER, SELLER, 1_000, 3_500, Side.BUY, (LOT,))
    plain = kept(trade)
    assert plain[BUYER] == [Posting(Why.BOUGHT, -3_500_000, 1_000)]
    assert plain[SELLER] == [Posting(Why.SOLD, 3_500_000, -1_000)]
    way = Wheeling(Zone.BANGKOK, Zone.CENTRAL, 9, ((Role.EGAT, 410_000), (Role.PEA, 660_000)), 7)
    carried = kept(structs.replace(trade, wheeling=way))
    assert carried[BUYER] == [
        *plain[BUYER],
        Posting(Why.LOST, 0, -9),
        Posting(Why.WHEELING, -1_070_000, 0),
        Posting(Why.PREMIUM, -7, 0),
    ]
    assert carried[SELLER] == plain[SELLER]
