"""Four validators on a simulated network decide, execute and answer alike."""

from pathlib import Path

import trio

from consensus import signing
from gtxnode.ledger import wallet as wallets
from gtxnode.primitives.addresses import address_of
from gtxnode.rpc.backend import TransactionState, VerdictStatus
from p2p.simulated import SimulatedWorld, Weather
from tests.node.harness import cluster, quick_genesis, wallet


async def test_four_validators_finalise_a_transfer(tmp_path: Path) -> None:
    world = SimulatedWorld(1, Weather())
    with trio.fail_after(30):
        async with cluster(tmp_path, quick_genesis(4), 4, world) as running:
            view = running.nodes[1].shard.view
            await view.wait_for_height(3)
            sender, receiver = (address_of(signing.public_key(wallet(number))) for number in (0, 1))
            page = await view.coins(sender, after=None, limit=10)
            from gtxnode.ledger.coins import decode_coin

            coins = [(bytes(c.id), decode_coin(bytes(c.encoded))) for c in page.coins]
            body = wallets.pay(sender, coins, receiver, 5_000_000, 1_000, b"")
            signed = wallets.sign(view.chain_id, body, wallet(0))
            (verdict,) = await view.submit([signed.encoded])
            assert verdict.status is VerdictStatus.ACCEPTED, verdict
            while (await view.transaction(signed.id)).state is TransactionState.PENDING:
                await trio.sleep(0.01)
            status = await view.transaction(signed.id)
            assert status.state is TransactionState.FINAL
            height = status.height + 2
            for node in running.nodes.values():
                await node.shard.view.wait_for_height(height)
            blocks = [await node.shard.view.block(height) for node in running.nodes.values()]
            assert len({block.id for block in blocks}) == 1
            assert (await view.balance(receiver)).money_ugtx == 10_000_000_000 + 5_000_000
