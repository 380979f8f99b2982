"""What an operator may set: the sections of `config.toml`, their units, ranges and defaults.

Everything here concerns one node alone. What all nodes must agree on (block intervals,
targets, ledger parameters) stands in the genesis and is changed on chain, never here.
`gtxnode/layers.py` gathers these values from files and the environment.
"""

from enum import StrEnum
from typing import Annotated, Literal

import msgspec

from gtxnode.schema import Misfit

KIB = 1024
MIB = 1024 * KIB

Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Host = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z.:_-]{1,253}$")]
Name = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z._-]{1,64}$")]
Shard = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
ListenAddress = Annotated[
    str, msgspec.Meta(pattern=r"^/(ip4|ip6|dns|dns4|dns6)/[^/]{1,253}/tcp/[0-9]{1,5}$")
]
PeerAddress = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^/(ip4|ip6|dns|dns4|dns6)/[^/]{1,253}/tcp/[0-9]{1,5}/p2p/[1-9A-HJ-NP-Za-km-z]{16,64}$"
    ),
]


class Role(StrEnum):
    """What a node does for its shards."""

    VALIDATOR = "validator"
    TRADER = "trader"  # follows and serves its clients, never votes


class LogLevel(StrEnum):
    """The least severe message that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file. A key that it does not have is refused."""


class NodeConfig(Section, frozen=True):
    """[node]: who this node is and what it hosts."""

    name: Name = "gtxnode"
    """Shown in logs, status and announcements."""
    shards: tuple[Shard, ...] = ()
    """Shards hosted here; none named means every shard of the genesis."""
    role: Role = Role.VALIDATOR
    """`validator` votes where the genesis names its key; `trader` follows."""
    mining: bool = True
    """Whether it seals energy batches with proof of work for its clients."""
    drain_s: Annotated[int, msgspec.Meta(ge=0, le=60)] = 5
    """Seconds that a stopping node gives to what is in hand."""


class P2PConfig(Section, frozen=True):
    """[p2p]: other nodes."""

    listen: Annotated[tuple[ListenAddress, ...], msgspec.Meta(max_length=8)] = (
        "/ip4/127.0.0.1/tcp/4600",
    )
    """Where peers reach this node; port 0 takes a free one."""
    bootstrap: Annotated[tuple[PeerAddress, ...], msgspec.Meta(max_length=256)] = ()
    """Peers that are dialled, and redialled for ever, as /ip4/HOST/tcp/PORT/p2p/ID."""
    max_connections: Annotated[int, msgspec.Meta(ge=1, le=4_096)] = 128
    """Connected peers at once; more are refused."""
    requests_per_peer: Annotated[int, msgspec.Meta(ge=1, le=1_024)] = 16
    """Requests served at once for one peer; more are refused."""
    gossip_per_s: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1_000
    """New gossip messages per second from one neighbour before it is charged."""
    redial_max_s: Annotated[int, msgspec.Meta(ge=1, le=300)] = 5
    """Longest pause, in seconds, between two attempts to reach a lost peer."""
    ban_s: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 600
    """Seconds for which a peer that broke the protocol is kept out."""


class RpcConfig(Section, frozen=True):
    """[rpc]: JSON-RPC over WebSocket, for wallets and meters."""

    host: Host = "127.0.0.1"
    """Address to listen on."""
    port: Port = 4601
    """Port; 0 takes a free one."""
    max_connections: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1_024
    """Clients at once; more are refused."""
    max_message_bytes: Annotated[int, msgspec.Meta(ge=KIB, le=16 * MIB)] = MIB
    """Longest message taken, in bytes; a longer one closes the connection."""
    max_subscriptions: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 64
    """Subscriptions of one connection."""
    queue_events: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1_024
    """Events that wait for a slow client; past it the client is disconnected."""
    ping_s: Annotated[int, msgspec.Meta(ge=1, le=3_600)] = 20
    """Seconds between two pings to a client."""


class HttpConfig(Section, frozen=True):
    """[http]: /metrics, /livez and /readyz."""

    host: Host = "127.0.0.1"
    """Address to listen on."""
    port: Port = 4602
    """Port; 0 takes a free one."""


class ConsensusConfig(Section, frozen=True):
    """[consensus]: the journal that keeps a validator from signing twice."""

    journal_max_bytes: Annotated[int, msgspec.Meta(ge=MIB, le=1024 * MIB)] = 64 * MIB
    """Bytes that one height's journal may take; past it the node stops."""


class StorageConfig(Section, frozen=True):
    """[storage]: each shard's LevelDB."""

    cache_bytes: Annotated[int, msgspec.Meta(ge=MIB, le=64 * 1024 * MIB)] = 16 * MIB
    """Bytes of blocks kept in memory, per shard."""
    write_buffer_bytes: Annotated[int, msgspec.Meta(ge=64 * KIB, le=1024 * MIB)] = 8 * MIB
    """Bytes gathered in memory before a table is written, per shard."""


class BatchesConfig(Section, frozen=True):
    """[batches]: how clients' transactions are gathered and checked."""

    gather_ms: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 100
    """Milliseconds that a batch waits for company."""
    max_bytes: Annotated[int, msgspec.Meta(ge=KIB, le=60_000)] = 60_000
    """Bytes of a batch; peers refuse more than 60000."""
    verify_threads: Annotated[int, msgspec.Meta(ge=1, le=64)] = 2
    """Threads that check signatures."""
    verify_slice: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 256
    """Signatures that a thread checks in one go."""


class PoolConfig(Section, frozen=True):
    """[pool]: checked batches that wait for a block, per shard."""

    max_bytes: Annotated[int, msgspec.Meta(ge=64 * KIB, le=4096 * MIB)] = 64 * MIB
    """Bytes held; past it new batches are refused."""


class LoggingConfig(Section, frozen=True):
    """[logging]: what is written to the standard error."""

    level: LogLevel = LogLevel.INFO
    """Least severe level written: debug, info, warning or error."""
    format: Literal["auto", "json", "text"] = "auto"
    """`auto` is text on a terminal and JSON lines elsewhere."""


class Config(Section, frozen=True):
    """One node's settings."""

    profile: str = ""
    """An authority's profile: egat, mea, pea, erc, or a TOML file's path from the home."""
    node: NodeConfig = NodeConfig()
    p2p: P2PConfig = P2PConfig()
    rpc: RpcConfig = RpcConfig()
    http: HttpConfig = HttpConfig()
    consensus: ConsensusConfig = ConsensusConfig()
    storage: StorageConfig = StorageConfig()
    batches: BatchesConfig = BatchesConfig()
    pool: PoolConfig = PoolConfig()
    logging: LoggingConfig = LoggingConfig()


def check(config: Config) -> None:
    """What no single key can say. `Misfit` names the key to change."""
    if config.rpc.port and (config.rpc.host, config.rpc.port) == (
        config.http.host,
        config.http.port,
    ):
        raise Misfit("http.port", f"{config.http.port} is taken by rpc.port")
    if len(set(config.node.shards)) != len(config.node.shards):
        raise Misfit("node.shards", "names a shard twice")
    for index, address in enumerate(config.p2p.listen):
        if int(address.rpartition("/")[2]) > 65_535:
            raise Misfit(f"p2p.listen[{index}]", "the port is over 65535")
    if config.pool.max_bytes < 2 * config.batches.max_bytes:
        # A producer may hold half of the pool, so half must take a batch.
        raise Misfit("pool.max_bytes", "is less than two batches (batches.max_bytes)")


def hosted_shards(config: Config, known: tuple[str, ...]) -> tuple[str, ...]:
    """The shards that this node hosts out of those of the genesis, in the genesis' order.

    `Misfit` when `node.shards` names one that the genesis does not have.
    """
    for index, shard in enumerate(config.node.shards):
        if shard not in known:
            raise Misfit(
                f"node.shards[{index}]",
                f"{shard} is not in the genesis, which has {', '.join(known)}",
            )
    return tuple(shard for shard in known if not config.node.shards or shard in config.node.shards)
