"""kill -9 of one, of two, of all: nothing final is lost, nothing is signed twice, life goes on."""

import random

import pytest
import trio

from tests.e2e.harness import Cluster, Payer, all_known

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

KILLS = 3
QUIET_S = 5.0
"""A dozen block intervals."""


async def test_one_is_killed_at_a_random_moment_and_comes_back(
    cluster: Cluster, chance: random.Random
) -> None:
    victim, *others = cluster.nodes
    payer = Payer(cluster, cluster.fleet.households[0])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(payer.run, others[0])
        for _ in range(KILLS):
            await trio.sleep(chance.uniform(0.5, 3))
            await cluster.kill(victim)
            await cluster.moves(*others)  # the other three never stop
            await cluster.start([victim])
            await cluster.moves(victim)
        nursery.cancel_scope.cancel()
    assert payer.acknowledged
    await cluster.agree(*cluster.nodes)
    await all_known(victim, payer.acknowledged)
    cluster.nobody_signed_twice()


async def test_all_four_are_killed_at_once_and_go_on_from_the_last_final_block(
    cluster: Cluster, chance: random.Random
) -> None:
    payer = Payer(cluster, cluster.fleet.households[0])
    with trio.move_on_after(chance.uniform(3, 6)):
        await payer.run(cluster.nodes[0])
    heads = [await cluster.head(node) for node in cluster.nodes]
    await cluster.kill(*cluster.nodes)
    await cluster.start()
    for node, head in zip(cluster.nodes, heads, strict=True):
        assert (await cluster.block(node, head.height)).id == head.id
    await cluster.moves(*cluster.nodes)
    await cluster.agree(*cluster.nodes)
    assert payer.acknowledged
    await all_known(cluster.nodes[0], payer.acknowledged)
    cluster.nobody_signed_twice()


async def test_with_two_of_four_down_nothing_is_final_until_one_is_back(cluster: Cluster) -> None:
    first, second, third, fourth = cluster.nodes
    await cluster.moves(*cluster.nodes)
    await cluster.kill(third, fourth)
    # A block whose votes were all on their way may still become final.
    await trio.sleep(QUIET_S)
    stopped = {node.name: (await cluster.head(node)).height for node in (first, second)}
    await trio.sleep(QUIET_S)
    assert stopped == {node.name: (await cluster.head(node)).height for node in (first, second)}
    await cluster.start([third])
    await cluster.moves(first, second, third)
    await cluster.start([fourth])
    await cluster.moves(fourth)
    await cluster.agree(*cluster.nodes)
    cluster.nobody_signed_twice()


async def test_one_that_was_frozen_catches_up(cluster: Cluster) -> None:
    frozen, *others = cluster.nodes
    cluster.pause(frozen)
    await cluster.moves(*others, blocks=4)
    cluster.resume(frozen)
    height = (await cluster.head(others[0])).height
    await cluster.reaches(height + 1, frozen)
    await cluster.agree(*cluster.nodes)
    cluster.nobody_signed_twice()
