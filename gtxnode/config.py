"""What an operator may set: the sections of `config.toml`, their units, ranges and defaults.

Everything here concerns one node alone. What all nodes must agree on (block intervals,
targets, ledger parameters) stands in the genesis and is changed on chain, never here.
`gtxnode/layers.py` gathers these values from files and the environment.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

import msgspec

from gtxnode.primitives.zones import REGISTRY
from gtxnode.schema import Misfit
from storage.sizes import CACHE_BYTES, WRITE_BUFFER_BYTES

KIB = 1024
MIB = 1024 * KIB


def described(text: str) -> msgspec.Meta:
    """What a key means, with its unit: shown in the documentation and in a new config.toml."""
    return msgspec.Meta(description=text)


Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Host = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z.:_-]{1,253}$")]
Name = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z._-]{1,64}$")]
Shard = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
ListenAddress = Annotated[
    str, msgspec.Meta(pattern=r"^/(ip4|ip6|dns|dns4|dns6)/[^/]{1,253}/tcp/[0-9]{1,5}$")
]
CheckpointText = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,47}:[1-9][0-9]{0,14}:[0-9a-f]{64}$")
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

    name: Annotated[Name, described("Shown in logs, status and announcements.")] = "gtxnode"
    shards: Annotated[
        tuple[Shard, ...],
        described(
            "Shards hosted here; none named means every shard of the genesis. The registry is "
            "hosted beside them. A validator votes on every chain unless `gtxnode tx serve` names "
            "some: who serves chains that it does not host counts as absent there."
        ),
    ] = ()
    role: Annotated[
        Role, described("`validator` votes where the genesis names its key; `trader` follows.")
    ] = Role.VALIDATOR
    mining: Annotated[
        bool, described("Whether it seals energy batches with proof of work for its clients.")
    ] = True
    drain_s: Annotated[
        int,
        msgspec.Meta(ge=0, le=60),
        described("Seconds that a stopping node gives to what is in hand."),
    ] = 5


class P2PConfig(Section, frozen=True):
    """[p2p]: other nodes."""

    listen: Annotated[
        tuple[ListenAddress, ...],
        msgspec.Meta(max_length=8),
        described("Where peers reach this node; port 0 takes a free one."),
    ] = ("/ip4/127.0.0.1/tcp/4600",)
    bootstrap: Annotated[
        tuple[PeerAddress, ...],
        msgspec.Meta(max_length=256),
        described("Peers that are dialled, and redialled for ever, as /ip4/HOST/tcp/PORT/p2p/ID."),
    ] = ()
    max_connections: Annotated[
        int, msgspec.Meta(ge=1, le=4_096), described("Connected peers at once; more are refused.")
    ] = 128
    requests_per_peer: Annotated[
        int,
        msgspec.Meta(ge=1, le=1_024),
        described("Requests served at once for one peer; more are refused."),
    ] = 16
    gossip_per_s: Annotated[
        int,
        msgspec.Meta(ge=1, le=1_000_000),
        described("New gossip messages per second from one neighbour before it is charged."),
    ] = 1_000
    redial_max_s: Annotated[
        int,
        msgspec.Meta(ge=1, le=300),
        described("Longest pause, in seconds, between two attempts to reach a lost peer."),
    ] = 5
    ban_s: Annotated[
        int,
        msgspec.Meta(ge=1, le=86_400),
        described("Seconds for which a peer that broke the protocol is kept out."),
    ] = 600


class RpcConfig(Section, frozen=True):
    """[rpc]: JSON-RPC over WebSocket, for wallets and meters."""

    host: Annotated[Host, described("Address to listen on.")] = "127.0.0.1"
    port: Annotated[Port, described("Port; 0 takes a free one.")] = 4601
    max_connections: Annotated[
        int, msgspec.Meta(ge=1, le=100_000), described("Clients at once; more are refused.")
    ] = 1_024
    max_message_bytes: Annotated[
        int,
        msgspec.Meta(ge=KIB, le=16 * MIB),
        described("Longest message taken, in bytes; a longer one closes the connection."),
    ] = MIB
    max_subscriptions: Annotated[
        int, msgspec.Meta(ge=1, le=10_000), described("Subscriptions of one connection.")
    ] = 64
    queue_events: Annotated[
        int,
        msgspec.Meta(ge=1, le=1_000_000),
        described("Events that wait for a slow client; past it the client is disconnected."),
    ] = 1_024
    ping_s: Annotated[
        int, msgspec.Meta(ge=1, le=3_600), described("Seconds between two pings to a client.")
    ] = 20


class HttpConfig(Section, frozen=True):
    """[http]: /metrics, /livez and /readyz."""

    host: Annotated[Host, described("Address to listen on.")] = "127.0.0.1"
    port: Annotated[Port, described("Port; 0 takes a free one.")] = 4602


class ConsensusConfig(Section, frozen=True):
    """[consensus]: the journal that keeps a validator from signing twice."""

    journal_max_bytes: Annotated[
        int,
        msgspec.Meta(ge=MIB, le=128 * MIB),
        described(
            "Bytes past which the journal is emptied, or within a height cut to what is needed."
        ),
    ] = 64 * MIB
    look_first: Annotated[
        bool,
        described(
            "Whether a validator, before it signs, waits until it has what two thirds of the stake "
            "have, and stops where its key has signed what this home does not know of."
        ),
    ] = True


class CheckpointsConfig(Section, frozen=True):
    """[checkpoints]: what the authorities sign, and what this node holds to."""

    keys: Annotated[
        tuple[str, ...],
        msgspec.Meta(max_length=64),
        described(
            "Files of authorities' keys, as paths from the home: this node signs checkpoints for "
            "them, and on the registry commits and reveals for the seeds."
        ),
    ] = ()
    trusted: Annotated[
        tuple[CheckpointText, ...],
        msgspec.Meta(max_length=64),
        described(
            "Final blocks that this node's chains must run through, as SHARD:HEIGHT:BLOCK-ID: what "
            "a new node starts from."
        ),
    ] = ()


class BatchesConfig(Section, frozen=True):
    """[batches]: how clients' transactions are gathered and checked."""

    gather_ms: Annotated[
        int, msgspec.Meta(ge=1, le=1_000), described("Milliseconds that a batch waits for company.")
    ] = 100
    max_bytes: Annotated[
        int,
        msgspec.Meta(ge=KIB, le=60_000),
        described("Bytes of a batch; peers refuse more than 60000."),
    ] = 60_000
    verify_threads: Annotated[
        int, msgspec.Meta(ge=1, le=64), described("Threads that check signatures.")
    ] = 2


class PoolConfig(Section, frozen=True):
    """[pool]: checked batches that wait for a block, per shard."""

    max_bytes: Annotated[
        int,
        msgspec.Meta(ge=64 * KIB, le=4096 * MIB),
        described("Bytes held; past it new batches are refused."),
    ] = 64 * MIB


class StorageConfig(Section, frozen=True):
    """[storage]: memory of the databases, of which each shard has one."""

    cache_bytes: Annotated[
        int,
        msgspec.Meta(ge=MIB, le=65_536 * MIB),
        described("Bytes of what was read that one shard's database keeps in memory."),
    ] = CACHE_BYTES
    write_buffer_bytes: Annotated[
        int,
        msgspec.Meta(ge=64 * KIB, le=1024 * MIB),
        described("Bytes of what was written that it gathers, twice at most, for a table file."),
    ] = WRITE_BUFFER_BYTES


class LoggingConfig(Section, frozen=True):
    """[logging]: what is written to the standard error."""

    level: Annotated[
        LogLevel, described("Least severe level written: debug, info, warning or error.")
    ] = LogLevel.INFO
    format: Annotated[
        Literal["auto", "json", "text"],
        described("`auto` is text on a terminal and JSON lines elsewhere."),
    ] = "auto"


class Config(Section, frozen=True):
    """One node's settings."""

    profile: Annotated[
        str,
        described(
            "An authority's profile: egat, mea, pea, erc, or a TOML file's path from the home."
        ),
    ] = ""
    node: NodeConfig = NodeConfig()
    p2p: P2PConfig = P2PConfig()
    rpc: RpcConfig = RpcConfig()
    http: HttpConfig = HttpConfig()
    consensus: ConsensusConfig = ConsensusConfig()
    checkpoints: CheckpointsConfig = CheckpointsConfig()
    batches: BatchesConfig = BatchesConfig()
    pool: PoolConfig = PoolConfig()
    storage: StorageConfig = StorageConfig()
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
    trusted = trusted_blocks(config.checkpoints.trusted)
    if len({(each.shard, each.height) for each in trusted}) != len(trusted):
        raise Misfit("checkpoints.trusted", "names a height twice")
    for index, address in enumerate(config.p2p.listen):
        if int(address.rpartition("/")[2]) > 65_535:
            raise Misfit(f"p2p.listen[{index}]", "the port is over 65535")
    if config.pool.max_bytes < 2 * config.batches.max_bytes:
        # A producer may hold half of the pool, so half must take a batch.
        raise Misfit("pool.max_bytes", "is less than two batches (batches.max_bytes)")


@dataclass(frozen=True, slots=True)
class TrustedBlock:
    """A final block that an operator vouches for."""

    shard: str
    height: int
    block_id: bytes


def trusted_blocks(texts: Iterable[str]) -> tuple[TrustedBlock, ...]:
    """What `checkpoints.trusted` says, in its order."""
    parts = (text.split(":") for text in texts)
    return tuple(TrustedBlock(name, int(at), bytes.fromhex(id_)) for name, at, id_ in parts)


def hosted_shards(config: Config, known: tuple[str, ...]) -> tuple[str, ...]:
    """The shards that this node hosts out of those of the genesis, in the genesis' order.

    The registry is one of them in any case: by it a node knows who votes on the others.
    `Misfit` when a key names one that the genesis does not have.
    """
    named = {
        "node.shards": config.node.shards,
        "checkpoints.trusted": [each.shard for each in trusted_blocks(config.checkpoints.trusted)],
    }
    for key, shards in named.items():
        for index, shard in enumerate(shards):
            if shard not in known:
                reason = f"{shard} is not in the genesis, which has {', '.join(known)}"
                raise Misfit(f"{key}[{index}]", reason)
    named_here = {*config.node.shards, REGISTRY} if config.node.shards else set(known)
    return tuple(shard for shard in known if shard in named_here)
