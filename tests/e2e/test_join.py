"""A fresh node, of which the genesis knows nothing, joins a running network and catches up."""

import pytest
import trio

from tests.e2e.harness import Cluster, Payer, all_known

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


async def test_a_fifth_fresh_node_catches_up_from_genesis(cluster: Cluster) -> None:
    payer = Payer(cluster, cluster.fleet.households[0])
    with trio.move_on_after(4):
        await payer.run(cluster.nodes[0])
    await cluster.moves(*cluster.nodes)
    height = (await cluster.head(cluster.nodes[0])).height

    fifth = cluster.add("follower")
    await cluster.start([fifth])
    await cluster.reaches(height, fifth)
    await cluster.moves(fifth)  # and stays with them
    await cluster.agree(*cluster.nodes)
    assert payer.acknowledged
    await all_known(fifth, payer.acknowledged)


async def test_a_fresh_node_serves_clients_that_send(cluster: Cluster) -> None:
    fifth = cluster.add("follower")
    await cluster.start([fifth])
    payer = Payer(cluster, cluster.fleet.households[0])
    with trio.move_on_after(4):
        await payer.run(fifth)
    assert payer.acknowledged
    await all_known(cluster.nodes[0], payer.acknowledged)
