"""A disk that takes no more: the node says so and stops; the others go on without it."""

import os
import resource
from pathlib import Path

import pytest
import trio

from gtxnode.devnet.fleet import Validator
from tests.e2e.harness import BANGKOK, Cluster

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

LOCKED_EXIT = 7
STORAGE_EXIT = 8
STOPS_S = 60
PIPE_BYTES = 65_536


async def exit_code(node: Validator) -> int:
    with trio.fail_after(STOPS_S):
        return await node.process.exited()


def fill_the_disk(node: Validator) -> None:
    """From now on none of the node's files may grow: every write that would fails."""
    resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (1, 1))


async def test_a_full_disk_stops_the_node_and_not_the_network(
    cluster: Cluster, tmp_path: Path
) -> None:
    victim, *others = cluster.nodes
    await cluster.kill(victim)
    log_file = victim.process.log
    # A pipe takes the node's last words: a log file could not grow either.
    victim.process.log = tmp_path / "log"
    os.mkfifo(victim.process.log)
    pipe = os.open(victim.process.log, os.O_RDWR | os.O_NONBLOCK)
    try:
        await cluster.start([victim])
        await cluster.moves(victim)
        os.read(pipe, PIPE_BYTES)
        fill_the_disk(victim)
        code = await exit_code(victim)
        last_words = os.read(pipe, PIPE_BYTES).decode("utf-8", "replace")
    finally:
        os.close(pipe)
        victim.process.log = log_file
    assert code == STORAGE_EXIT, last_words
    assert "error[" in last_words
    assert str(victim.home.path) in last_words  # which file it was
    await cluster.moves(*others)
    # With room again it goes on where it stopped.
    await cluster.start([victim])
    await cluster.moves(victim)
    await cluster.agree(*cluster.nodes)
    cluster.nobody_signed_twice()


async def test_a_journal_that_cannot_be_opened_stops_the_node_at_once(cluster: Cluster) -> None:
    victim, *others = cluster.nodes
    await cluster.moves(*cluster.nodes)
    await cluster.kill(victim)
    journal = victim.home.journal(BANGKOK)
    aside = journal.with_name("aside")
    journal.rename(aside)
    journal.mkdir()
    victim.process.start()
    assert await exit_code(victim) == STORAGE_EXIT
    assert str(journal) in victim.process.last_lines()
    await cluster.moves(*others)
    journal.rmdir()
    aside.rename(journal)
    await cluster.start([victim])
    await cluster.moves(victim)
    await cluster.agree(*cluster.nodes)


async def test_a_second_process_on_the_same_home_is_refused(cluster: Cluster) -> None:
    node = cluster.nodes[0]
    twin = Validator("twin", node.home, node.ports, node.peer_id)
    twin.process.log = node.home.path / "twin.log"
    twin.process.start()
    assert await exit_code(twin) == LOCKED_EXIT, twin.process.last_lines()
    await cluster.moves(*cluster.nodes)
