"""A peer in another language follows a real chain: it joins the topic and checks blocks."""

from pathlib import Path

import trio

from consensus.light import verify_commit
from consensus.types import block_codec, block_id, commit_codec
from gtxnode.relay import topic_name
from gtxnode.sync.wire import BLOCKS_ANSWER, BLOCKS_REQUEST, BlocksRequest, blocks_protocol
from tests.e2e.harness import BANGKOK, Cluster
from tests.p2p.test_js_peer import IN_TIME_S, js_peer, start

__all__ = ["js_peer"]

BLOCKS = 3


async def test_a_js_peer_hears_of_blocks_and_verifies_a_range(
    cluster: Cluster,
    js_peer: Path,
) -> None:
    node = cluster.nodes[0]
    await cluster.reaches(BLOCKS, node)
    request = BLOCKS_REQUEST.encode(BlocksRequest(1, BLOCKS))
    arguments = (
        *("--dial", node.p2p, "--topic", topic_name(cluster.chain_id), "--expect", "2"),
        *("--request", blocks_protocol(cluster.chain_id), "--payload", request.hex()),
    )
    async with trio.open_nursery() as nursery:
        with trio.fail_after(IN_TIME_S):
            js = await start(nursery, js_peer, *arguments)
            await js.line("peer")
            await js.line("connected")
            answer = bytes.fromhex((await js.line("answer"))["answer"])
            # It has no direct stream, so the node gossips final headers and batches to it: maybe
            # before it knows that the node has heard of its subscription.
            said = [await js.line("subscribed", "gossip") for _ in range(3)]
            assert sum("gossip" in each and bool(each["from"]) for each in said) == 2
            assert await js.end() == 0
    validators = cluster.fleet.genesis.validator_set(BANGKOK)
    blocks = BLOCKS_ANSWER.decode(answer).blocks
    assert len(blocks) == BLOCKS
    for height, each in enumerate(blocks, 1):
        header = block_codec.decode(each.block).header
        commit = commit_codec.decode(each.commit)
        verify_commit(cluster.chain_id, validators, block_id(header), height, commit)
    await cluster.moves(*cluster.nodes)
