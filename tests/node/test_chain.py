"""Validators on a simulated network decide, execute and answer alike."""

from collections.abc import Iterable
from pathlib import Path

import trio

from gtxnode.ledger import wallet as wallets
from gtxnode.ledger.bodies import Cancel
from gtxnode.rpc.views.events import BlockEvent, Event, TradeEvent
from gtxnode.rpc.views.market import TradeView
from gtxnode.rpc.views.transactions import TransactionState, TransactionStatus, VerdictStatus
from gtxnode.views.chain import ChainView
from p2p.simulated import SimulatedWorld, Weather
from tests.node.client import Client, TestMeter, settled
from tests.node.harness import FUNDS_UGTX, Cluster, cluster, key, now_ms, quick_genesis, wallet
from tests.waiting import until

DAY_S = 86_400


def views(running: Cluster) -> list[ChainView]:
    return [node.shard.view for node in running.nodes.values()]


async def roots_agree(all_views: Iterable[ChainView], height: int) -> bool:
    """Whether all have the same block, and so the same state before it, at a height."""
    blocks = []
    for view in all_views:
        await view.wait_for_height(height)
        blocks.append(await view.block(height))
    return len({(block.id, block.app_root) for block in blocks}) == 1


async def final_on_all(running: Cluster, status: TransactionStatus) -> None:
    """Return once every node has the state after a transaction, and check that they agree."""
    assert status.state is TransactionState.FINAL, status
    assert status.height is not None
    assert await roots_agree(views(running), status.height + 1)


async def test_a_transfer_becomes_final_everywhere(tmp_path: Path) -> None:
    with trio.fail_after(60):
        async with cluster(tmp_path, quick_genesis(4), 4, SimulatedWorld(1, Weather())) as running:
            view = running.nodes[1].shard.view
            sender, receiver = Client(view, wallet(0)), Client(view, wallet(1))
            await final_on_all(running, await sender.pay(receiver.address, 5_000_000))
            for each in views(running):
                balance = await each.accounts.balance(receiver.address)
                assert balance.money_ugtx == FUNDS_UGTX + 5_000_000
            supply = await view.ledger.supply()
            assert supply.gtx_supply_ugtx == 8 * FUNDS_UGTX


async def test_readings_become_energy_that_is_traded_and_retired(tmp_path: Path) -> None:
    start_s = now_ms() // 1_000 - DAY_S
    with trio.fail_after(60):
        async with cluster(tmp_path, quick_genesis(4), 4, SimulatedWorld(2, Weather())) as running:
            view = running.nodes[2].shard.view
            seller, buyer = Client(view, wallet(0)), Client(view, wallet(1))
            meter = TestMeter(view, key(3_000), seller.address, start_s)
            await final_on_all(running, await meter.register())
            readings = [meter.reading(60_000), meter.reading(40_000, import_wh=500)]
            verdicts = await view.meters.submit(readings)
            assert [each.status for each in verdicts] == [VerdictStatus.ACCEPTED] * 2
            for each in verdicts:
                assert each.id is not None
                await final_on_all(running, await settled(view, each.id))
            assert (await view.accounts.balance(seller.address)).energy_wh == 100_000
            # Sell 100 kWh at 3.5, buy 50 at 4.0: 50 at 3.5, 175 GTX, 50 left on offer.
            await final_on_all(running, await seller.sell(100_000, 3_500))
            bought = await buyer.buy(50_000, 4_000)
            await final_on_all(running, bought)
            (trade,) = (await view.market.trades(after=None, limit=10)).trades
            assert (trade.energy_wh, trade.price_mgtx_per_kwh) == (50_000, 3_500)
            assert trade.cost_ugtx == 175_000_000
            (ask,) = (await view.market.book(10)).asks
            assert (ask.energy_wh, ask.orders) == (50_000, 1)
            assert (await view.accounts.balance(buyer.address)).energy_wh == 50_000
            retire = wallets.retire(
                buyer.address, await buyer.energy(), await buyer.cash(), 20_000, 1_000
            )
            await final_on_all(running, await buyer.send(retire))
            supply = await view.ledger.supply()
            assert (supply.minted_wh, supply.retired_wh) == (100_000, 20_000)
            assert supply.outstanding_wh == 80_000
            assert bought.height is not None
            events = await view.events(bought.height)
            assert [each.number for each in events] == [
                bought.height * 2**20 + place for place in range(len(events))
            ]
            assert isinstance(events[0].body, BlockEvent)
            assert traded(events) == [trade]


def traded(events: Iterable[Event]) -> list[TradeView]:
    return [each.body.trade for each in events if isinstance(each.body, TradeEvent)]


async def test_every_reading_gets_its_own_answer(tmp_path: Path) -> None:
    start_s = now_ms() // 1_000 - DAY_S
    with trio.fail_after(60):
        async with cluster(tmp_path, quick_genesis(1), 1, SimulatedWorld(3, Weather())) as running:
            view = running.nodes[1].shard.view
            owner = Client(view, wallet(0)).address
            meter = TestMeter(view, key(3_001), owner, start_s)
            stranger = TestMeter(view, key(3_002), owner, start_s)
            await final_on_all(running, await meter.register(capacity_w=5_000))
            first, second = meter.reading(1_000), meter.reading(2_000)
            over = meter.reading(50_000)
            verdicts = await view.meters.submit(
                [first, first, second, over, stranger.reading(1), b"\xc1junk"]
            )
            assert [each.status.value for each in verdicts] == [
                "accepted", "duplicate", "accepted", "rejected", "rejected", "rejected",
            ]  # fmt: skip
            reasons = [each.refusal.reason for each in verdicts if each.refusal is not None]
            assert reasons == ["over_capacity", "unregistered_meter", "malformed_transaction"]
            assert verdicts[2].id is not None
            await settled(view, verdicts[2].id)
            (again,) = await view.meters.submit([first])
            assert again.status is VerdictStatus.DUPLICATE
            assert (await view.ledger.supply()).minted_wh == 3_000


async def test_what_is_spent_is_refused_at_once(tmp_path: Path) -> None:
    with trio.fail_after(60):
        async with cluster(tmp_path, quick_genesis(1), 1, SimulatedWorld(4, Weather())) as running:
            view = running.nodes[1].shard.view
            sender = Client(view, wallet(0))
            cash = await sender.cash()
            await final_on_all(running, await sender.pay(Client(view, wallet(1)).address, 1_000))
            again = sender.signed(
                wallets.pay(sender.address, cash, Client(view, wallet(2)).address, 1_000, 1_000)
            )
            (verdict,) = await view.transactions.submit([again.encoded])
            assert verdict.status is VerdictStatus.REJECTED
            assert verdict.refusal is not None
            assert verdict.refusal.reason == "unknown_coin"


async def test_a_validator_that_was_away_catches_up(tmp_path: Path) -> None:
    with trio.fail_after(90):
        async with cluster(tmp_path, quick_genesis(4), 4, SimulatedWorld(5, Weather())) as running:
            view = running.nodes[1].shard.view
            await running.stop(4)
            sender = Client(view, wallet(0))
            for _ in range(3):
                status = await sender.pay(Client(view, wallet(1)).address, 1_000)
            assert status.height is not None
            await view.wait_for_height(status.height + 20)
            back = await running.start(4)
            await back.shard.view.wait_for_height(status.height + 25)
            assert await roots_agree(views(running), status.height + 24)
            assert (
                await back.shard.view.transactions.status(status.id)
            ).state is TransactionState.FINAL


async def test_a_fresh_follower_catches_up_from_genesis(tmp_path: Path) -> None:
    with trio.fail_after(90):
        async with cluster(tmp_path, quick_genesis(4), 4, SimulatedWorld(6, Weather())) as running:
            view = running.nodes[1].shard.view
            status = await Client(view, wallet(0)).pay(Client(view, wallet(1)).address, 1_000)
            await view.wait_for_height(30)
            follower = await running.start(5)
            await follower.shard.view.wait_for_height(35)
            assert await roots_agree(views(running), 34)
            # A client of the follower is served like any other.
            through = Client(follower.shard.view, wallet(2))
            await final_on_all(running, await through.pay(Client(view, wallet(1)).address, 7_000))
            assert status.height is not None


async def test_two_of_four_make_no_block_and_three_do(tmp_path: Path) -> None:
    with trio.fail_after(90):
        async with cluster(tmp_path, quick_genesis(4), 4, SimulatedWorld(7, Weather())) as running:
            view = running.nodes[1].shard.view
            await view.wait_for_height(5)
            await running.stop(3)
            await running.stop(4)
            # A height that two more had begun may still end; after it nothing does.
            height = max(each.head().height for each in views(running)) + 1
            with trio.move_on_after(3):
                await view.wait_for_height(height + 1)
            assert view.head().height <= height
            await running.start(3)
            await view.wait_for_height(height + 10)
            assert await roots_agree(views(running), height + 9)


async def test_all_stop_at_once_and_go_on(tmp_path: Path) -> None:
    genesis, world = quick_genesis(4), SimulatedWorld(8, Weather())
    with trio.fail_after(90):
        async with cluster(tmp_path, genesis, 4, world) as running:
            view = running.nodes[1].shard.view
            status = await Client(view, wallet(0)).pay(Client(view, wallet(1)).address, 1_000)
            height = view.head().height
        async with cluster(tmp_path, genesis, 4, world) as running:
            view = running.nodes[1].shard.view
            assert view.head().height >= height
            await view.wait_for_height(height + 10)
            assert await roots_agree(views(running), height + 9)
            assert (await view.transactions.status(status.id)).state is TransactionState.FINAL


async def test_loss_delay_and_duplication_cost_time_and_no_more(tmp_path: Path) -> None:
    weather = Weather(delay_s=(0.001, 0.03), loss=0.1, duplication=0.1)
    with trio.fail_after(90):
        async with cluster(tmp_path, quick_genesis(4), 4, SimulatedWorld(9, weather)) as running:
            view = running.nodes[1].shard.view
            sender = Client(view, wallet(0))
            for _ in range(3):
                await final_on_all(running, await sender.pay(Client(view, wallet(1)).address, 500))
            await until(lambda: all(node.recorder.blocks for node in running.nodes.values()))


async def test_what_no_block_would_take_is_refused_at_once(tmp_path: Path) -> None:
    with trio.fail_after(60):
        async with cluster(tmp_path, quick_genesis(1), 1, SimulatedWorld(6, Weather())) as running:
            view = running.nodes[1].shard.view
            trader, stranger = Client(view, wallet(0)), Client(view, wallet(1))
            order = (await trader.buy(1_000, 3_000)).id
            theirs = wallets.pay(trader.address, await trader.cash(), stranger.address, 1, 1_000)
            tried = {
                "cancel another's": stranger.signed(Cancel(bytes(order))),
                "spend another's": stranger.signed(theirs),
                "price": trader.signed(
                    wallets.buy(trader.address, await trader.cash(), 1_000, 99_000)
                ),
                "size": trader.signed(wallets.buy(trader.address, await trader.cash(), 1, 3_000)),
            }
            verdicts = await view.transactions.submit([each.encoded for each in tried.values()])
    refusals = [verdict.refusal for verdict in verdicts]
    assert [refusal and refusal.reason for refusal in refusals] == [
        "not_owner",
        "not_owner",
        "price_out_of_bounds",
        "order_too_small",
    ]
