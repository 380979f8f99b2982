"""A validator's home that is not what it was: it says so, signs nothing, and there is a way back.

`docs/operations.md` says what to do; here it is done, and nobody ever signs twice.
"""

import secrets
import shutil
import sys
from pathlib import Path

import pytest
import trio

from gtxnode.devnet.fleet import Ports, Validator
from gtxnode.devnet.processes import Child, free_ports
from gtxnode.home import Home, write_private_key
from tests.e2e.harness import BANGKOK, Cluster, running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CONFIGURATION_EXIT = 6
LOCKED_EXIT = 7
ENDS_S = 60


async def ends(node: Validator, code: str, end: int) -> None:
    """The node ends so when it is started."""
    node.process.start()
    with trio.fail_after(ENDS_S):
        ended = await node.process.exited()
    words = node.process.last_lines()
    assert ended == end, words.splitlines()[-1]
    assert words.splitlines()[-1].startswith(f"error[{code}]"), words


def started_with(node: Validator, *options: str) -> None:
    """From its next start on, with these options."""
    home = str(node.home.path)
    command = (sys.executable, "-m", "gtxnode", "start", "--home", home, *options)
    node.process = Child(node.name, command, node.process.log)


def another_machine(copy: Path, folder: Path, node: Validator) -> Validator:
    """A machine with a copy of a node's home, and so its key."""
    shutil.copytree(copy, folder)
    home, ports = Home(folder), Ports(*free_ports(3))
    text = home.config.read_text(encoding="utf-8")
    before = node.ports
    for old, new in (
        (before.p2p, ports.p2p),
        (before.rpc, ports.rpc),
        (before.http, ports.http),
    ):
        text = text.replace(str(old), str(new))
    home.config.write_text(text, encoding="utf-8")
    home.network_key.unlink()
    write_private_key(home.network_key, secrets.token_bytes(32))
    return Validator("twin", home, ports, "")


async def follows_and_then_signs(cluster: Cluster, node: Validator) -> None:
    """What the page says of an old home."""
    head = await cluster.head(cluster.nodes[1])
    started_with(node, "--node-type", "trader")
    await cluster.start([node])
    await cluster.reaches(head.height + 3, node)
    await cluster.kill(node)
    started_with(node, "--force")
    await cluster.start([node])
    # Two of four others are not enough: so it votes again.
    away = cluster.nodes[3]
    await cluster.kill(away)
    await cluster.moves(node, blocks=3)
    await cluster.start([away])


async def test_an_old_home_signs_nothing_until_it_is_up_to_date(tmp_path: Path) -> None:
    async with running(tmp_path / "net") as cluster:
        node = cluster.nodes[0]
        node.process.log = tmp_path / "node.log"
        await cluster.kill(node)
        await cluster.start([node])
        await cluster.moves(node, blocks=2)
        await cluster.kill(node)
        home, copy = node.home.path, tmp_path / "copy"
        shutil.copytree(home, copy)
        await cluster.start([node])
        await cluster.moves(node, blocks=4)

        twin = another_machine(copy, home.with_name("twin"), node)
        await ends(twin, "signer.signed_elsewhere", LOCKED_EXIT)
        await cluster.moves(node)

        await cluster.kill(node)
        shutil.rmtree(home)
        shutil.copytree(copy, home)
        await ends(node, "signer.signed_elsewhere", LOCKED_EXIT)
        await follows_and_then_signs(cluster, node)

        await cluster.kill(node)
        started_with(node)
        node.home.journal(BANGKOK).unlink()
        await cluster.start([node])
        await cluster.moves(node)

        await cluster.kill(node)
        node.home.validator_key.chmod(0o644)
        await ends(node, "home.unusable_key", CONFIGURATION_EXIT)
        node.home.validator_key.chmod(0o600)
        await cluster.start([node])
        await cluster.moves(*cluster.nodes)
        await cluster.agree(*cluster.nodes)
        cluster.nobody_signed_twice()
