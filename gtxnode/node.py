"""The node: everything that one process runs, composed in one place.

    network (libp2p)  --- one for all chains
    shards            --- one `Shard` a chain: store, journal, signer, engine, ...
    rpc, http         --- what clients and operators see, over `rpc.backend`

Lifetimes nest as the `async with` blocks below do: interfaces end first, then the chains, then the
network, then the lock on the home. Whatever leaves a chain as an error (a journal that cannot be
written, a full disk) ends the process: a validator that cannot remember must not vote.
"""

import resource
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
import trio

from gtxnode import interpreter
from gtxnode.chain.registry import Registry
from gtxnode.config import Config, Role, hosted_shards
from gtxnode.genesis import Genesis
from gtxnode.home import Home, read_private_key
from gtxnode.hosting import Hosting, Identity, served_elsewhere
from gtxnode.known_peers import read_known_peers, write_known_peers
from gtxnode.measure import Measures
from gtxnode.metrics import Metrics
from gtxnode.primitives.zones import REGISTRY
from gtxnode.rpc.backend import Chain
from gtxnode.rpc.errors import NotHosted
from gtxnode.rpc.limits import RpcLimits
from gtxnode.rpc.server import serve_rpc
from gtxnode.rpc.views.node import ChainParameters, NodeStatus, PeerView
from gtxnode.shard import Shard, open_shard
from gtxnode.web.asgi import HttpLimits
from gtxnode.web.http import serve_http
from p2p.libp2p_host import open_network
from p2p.network import Limits, Network, NetworkConfig
from storage.lock import HOME_LOCK_NAME, FileLock

if TYPE_CHECKING:
    from trio_typing import TaskStatus

log = structlog.get_logger(__name__)

KNOWN_PEERS_S = 30.0
MEASURE_S = 2.0


def run(home: Path, config: Config, genesis: Genesis) -> int:
    """Run a node until SIGINT or SIGTERM; 0 when it drained in order.

    Raises the named errors of what it opens, out of any exception group: `Locked`, storage's,
    the network's, `UnusableKey`, `Misfit`.
    """
    take_open_files()
    try:
        trio.run(_main, Home(home), config, genesis)
    except BaseExceptionGroup as group:
        raise _first(group) from group
    return 0


def take_open_files() -> None:
    """Let this process open as many files as the system lets it.

    Every client is one, and so is every table of a database: where clients use up the few that a
    process is given at first, the database cannot open its own, and the node would stop.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that ended the node: the first leaf that is no mere cancellation."""
    for error in group.exceptions:
        leaf = _first(error) if isinstance(error, BaseExceptionGroup) else error
        if not isinstance(leaf, trio.Cancelled):
            return leaf
    return group


async def _main(home: Home, config: Config, genesis: Genesis) -> None:
    async with open_node(home, config, genesis) as node:
        interpreter.settle()
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for number in signals:
                log.info("stopping", signal=signal.Signals(number).name)
                break
        await node.drain()


class Node:
    """Implements `rpc.backend.Node`. Made by `open_node`."""

    def __init__(self, genesis: Genesis, network: Network, shards: Mapping[str, Shard]) -> None:
        self._genesis = genesis
        self._network = network
        self._shards = shards
        self._started_ms = wall_ms()
        self.interfaces = trio.CancelScope()
        self.interfaces_ended = trio.Event()
        self.addresses: dict[str, str] = {}
        """Where the interfaces listen, by name: `rpc`, `http`."""

    async def drain(self) -> None:
        """End the interfaces, which takes `node.drain_s` seconds at most: calls in hand are
        answered, and those that still come are told that the node stops.
        """
        self.interfaces.cancel()
        await self.interfaces_ended.wait()

    def status(self) -> NodeStatus:
        """How the node is doing, and why it is not ready when it is not."""
        chains = tuple(shard.status() for shard in self._shards.values())
        peers = len(self._network.peers())
        reasons = [
            f"{chain.shard} is catching up: {chain.height} of {chain.best_known_height}"
            for chain in chains
            if chain.catching_up
        ]
        if not peers and any(len(each.validators) > 1 for each in self._genesis.shards):
            reasons.append("no peer is connected")
        return NodeStatus(
            version=node_version(),
            peer_id=self._network.peer_id,
            started_ms=self._started_ms,
            peers=peers,
            ready=not reasons,
            reasons=tuple(reasons),
            chains=chains,
            shards=tuple(each.id for each in self._genesis.shards),
        )

    def peers(self) -> tuple[PeerView, ...]:
        """The connected peers, and the hosted shards that each has a channel or topic of."""
        return tuple(
            PeerView(
                peer.id,
                peer.addresses,
                "inbound" if peer.direction.value == "inbound" else "outbound",
                round(peer.score),
                tuple(name for name, shard in self._shards.items() if shard.serves(peer)),
            )
            for peer in self._network.peers()
        )

    def parameters(self) -> tuple[ChainParameters, ...]:
        """Each hosted shard's parameters."""
        return tuple(shard.parameters() for shard in self._shards.values())

    def shards(self) -> tuple[str, ...]:
        """The hosted shards, sorted."""
        return tuple(sorted(self._shards))

    def chain(self, shard: str) -> Chain:
        """A hosted shard; raises `NotHosted`."""
        found = self._shards.get(shard)
        if found is None:
            raise NotHosted(shard, self.shards())
        return found.view


@asynccontextmanager
async def open_node(home: Home, config: Config, genesis: Genesis) -> AsyncIterator[Node]:
    """A running node: its network, its chains, then its interfaces."""
    names = hosted_shards(config, tuple(each.id for each in genesis.shards))
    identity = read_identity(home, config)
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        stack.enter_context(FileLock.acquire(home.path / HOME_LOCK_NAME))
        network = await stack.enter_async_context(
            open_network(network_config(config, identity, read_known_peers(home.known_peers)))
        )
        shards: dict[str, Shard] = {}
        registry: Registry | None = None
        for name in sorted(names, key=lambda name: name != REGISTRY):
            measures = Measures(metrics.shard(name))
            hosting = Hosting(genesis, config, identity, network, measures, wall_ms, registry)
            shard = await stack.enter_async_context(open_shard(name, hosting, home))
            shards[name], registry = shard, shard.registry() or registry
        known = [each.id for each in genesis.shards]
        if absent := served_elsewhere(registry, identity.validator, known, names):
            log.warning("validator_serves_what_it_does_not_host", shards=list(absent))
        node = Node(genesis, network, shards)
        nursery = await stack.enter_async_context(trio.open_nursery())
        stack.callback(nursery.cancel_scope.cancel)
        for shard in shards.values():
            await nursery.start(shard.run)
        nursery.start_soon(_remember_peers, home, network)
        nursery.start_soon(_measure_network, metrics, network)
        await nursery.start(_serve, node, config, metrics)
        log.info("node_ready", peer_id=network.peer_id, shards=list(names), **node.addresses)
        yield node
        write_known_peers(home.known_peers, network.known())


async def _serve(
    node: Node,
    config: Config,
    metrics: Metrics,
    task_status: "TaskStatus[None]" = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run the interfaces until `node.drain`."""
    try:
        with node.interfaces:
            async with trio.open_nursery() as nursery:
                rpc = await nursery.start(
                    partial(
                        serve_rpc,
                        node,
                        host=config.rpc.host,
                        port=config.rpc.port,
                        limits=rpc_limits(config),
                        observe=metrics.rpc,
                    )
                )
                http = await nursery.start(
                    partial(
                        serve_http,
                        node,
                        metrics,
                        host=config.http.host,
                        port=config.http.port,
                        limits=http_limits(config),
                    )
                )
                node.addresses.update(rpc=rpc.url, http=http.url)
                task_status.started()
    finally:
        node.interfaces_ended.set()


async def _measure_network(metrics: Metrics, network: Network) -> None:
    """Carry the network's own counts over into the metrics."""
    carried = {"in": 0, "out": 0}
    while True:
        metrics.peers.set(len(network.peers()))
        totals = {
            "in": network.counters.bytes_in.total(),
            "out": network.counters.bytes_out.total(),
        }
        for direction, total in totals.items():
            metrics.peer_bytes(direction).inc(total - carried[direction])
        carried = totals
        await trio.sleep(MEASURE_S)


async def _remember_peers(home: Home, network: Network) -> None:
    """Keep on disk whom to dial at the next start."""
    while True:
        await trio.sleep(KNOWN_PEERS_S)
        write_known_peers(home.known_peers, network.known())


def read_identity(home: Home, config: Config) -> Identity:
    """The keys that a node with these settings needs; raises `UnusableKey`."""
    votes = config.node.role is Role.VALIDATOR
    return Identity(
        read_private_key(home.network_key),
        read_private_key(home.validator_key) if votes else None,
        tuple(read_private_key(home.path / key) for key in config.checkpoints.keys),
    )


def network_config(config: Config, identity: Identity, known: tuple[str, ...]) -> NetworkConfig:
    """The network's settings out of the node's."""
    return NetworkConfig(
        private_key=identity.network_key,
        listen=config.p2p.listen,
        bootstrap=config.p2p.bootstrap,
        known=known,
        limits=Limits(
            connections=config.p2p.max_connections,
            requests_per_peer=config.p2p.requests_per_peer,
            gossip_per_s=config.p2p.gossip_per_s,
            redial_max_s=config.p2p.redial_max_s,
            ban_s=config.p2p.ban_s,
        ),
    )


def rpc_limits(config: Config) -> RpcLimits:
    """The interface's limits out of the node's settings."""
    return RpcLimits(
        connections=config.rpc.max_connections,
        message_bytes=config.rpc.max_message_bytes,
        subscriptions=config.rpc.max_subscriptions,
        queue=config.rpc.queue_events,
        ping_s=config.rpc.ping_s,
        drain_s=config.node.drain_s,
    )


def http_limits(config: Config) -> HttpLimits:
    """HTTP's limits: no more time to stop than the node has."""
    usual = HttpLimits()
    return replace(usual, drain_s=min(usual.drain_s, config.node.drain_s))


def node_version() -> str:
    """The installed release."""
    try:
        return version("gridtokenx")
    except PackageNotFoundError:
        return "0"


def wall_ms() -> int:
    """The wall clock, milliseconds since 1970."""
    return time.time_ns() // 1_000_000
