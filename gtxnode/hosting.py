"""What a chain is given by the node that hosts it, and what it keeps on that node's disk."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import trio

from consensus import signing
from consensus.timeouts import Timeouts
from gtxnode.accuser import Accuser
from gtxnode.chain.proposing import Proposing
from gtxnode.chain.records import BlockRecord
from gtxnode.chain.registry import Registry, anchor_of
from gtxnode.chain.store import ChainStore
from gtxnode.chain.validators import (
    FixedSets,
    FollowedSets,
    RegistrySets,
    SetUnknown,
    ValidatorSets,
)
from gtxnode.checkpoints.archive import CertificateArchive
from gtxnode.checkpoints.guard import CheckpointGuard, open_guards
from gtxnode.checkpoints.service import Checkpoints
from gtxnode.checkpoints.statement import Statements
from gtxnode.config import Config, trusted_blocks
from gtxnode.engine import Pace
from gtxnode.genesis import Genesis, chain_id, genesis_id
from gtxnode.home import Home
from gtxnode.intake import Sealing
from gtxnode.ledger.coin_view import read_coin
from gtxnode.ledger.genesis import initial_coins
from gtxnode.ledger.registry.validators import Validator, validator_coin_id
from gtxnode.ledger.transactions import UnverifiedTransaction
from gtxnode.market.orders import Depth
from gtxnode.primitives.zones import Shard
from gtxnode.relay import CheckpointEnvelope, Relay
from gtxnode.roll_caller import RollCaller
from gtxnode.seeds.duty import SeedDuty
from gtxnode.seeds.secrets import OwnChains, chain_length
from gtxnode.signer import Signer
from p2p.network import Network
from storage.journal import Journal


class ShardObserver(Protocol):
    """What a chain tells those who measure; times in seconds."""

    def block(self, record: BlockRecord, consensus_s: float, execution_s: float) -> None:
        """A block became final: how long after its own time, and what executing it took."""

    def waiting(self, transactions: int, batches: int, catching_up: bool) -> None:
        """How much waits for a block, and whether this node is behind."""

    def book(self, depth: Depth) -> None:
        """The open orders after a block."""

    def final(self, seconds: float) -> None:
        """A transaction of one of our clients became final, this long after it was taken."""

    def refused_message(self, reason: str) -> None:
        """A consensus message was refused."""

    def refused_transaction(self, reason: str) -> None:
        """A client's transaction or a peer's batch was not taken."""

    def proposing(self, shown: Proposing) -> None:
        """What a final block showed of proposers."""

    def journal_synced(self, seconds: float) -> None:
        """The consensus journal was fsynced."""

    def evidence(self) -> None:
        """A validator signed two messages that contradict."""

    def checkpoint(self, height: int, lag_blocks: int) -> None:
        """The newest checkpoint that certificates lead to, and how many blocks came after."""

    def turn_missing(self, height: int) -> None:
        """The checkpoint at which authorities change and that has no certificate; 0 for none."""

    def refused_checkpoint(self, reason: str) -> None:
        """A peer's word or certificate was refused."""

    def conflicting_checkpoints(self) -> None:
        """An authority contradicted itself, or enough of them what is final here."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The node's private keys: the network's names it among peers, the validator's votes, the
    authorities' sign checkpoints.

    A node that only follows needs no validator's key, and does not look for one.
    """

    network_key: bytes
    validator_key: bytes | None
    authority_keys: tuple[bytes, ...] = ()

    @property
    def validator(self) -> bytes | None:
        """The public key that may vote, where there is one."""
        return signing.public_key(self.validator_key) if self.validator_key is not None else None


@dataclass(frozen=True, slots=True)
class Hosting:
    """What a chain is given by the node that hosts it. `now_ms` is the wall clock."""

    genesis: Genesis
    config: Config
    identity: Identity
    network: Network
    observer: ShardObserver
    now_ms: Callable[[], int]
    registry: Registry | None = None
    """The chain whose validator sets this one takes; None where it has its own."""


@dataclass(frozen=True, slots=True)
class Disk:
    """What a chain keeps on disk, and who votes by it; no signer where this node does not vote,
    and a guard for each authority's key that it holds."""

    store: ChainStore
    sets: ValidatorSets
    journal: Journal
    signer: Signer | None
    guards: tuple[CheckpointGuard, ...]


def sealing(host: Hosting, until_block_s: Callable[[], float], *, votes: bool) -> Sealing:
    """How this node seals batches: under its validator's key where it votes."""
    own = host.identity.validator_key if votes else None
    return Sealing(
        own or host.identity.network_key,
        host.config.node.mining,
        host.config.batches.gather_ms / 1_000,
        until_block_s,
        host.config.batches.max_bytes,
    )


def pace(host: Hosting, name: str) -> Pace:
    """How fast a chain goes, by its genesis."""
    settings = host.genesis.shard(name)
    times = settings.timeouts
    timeouts = Timeouts(
        times.propose_ms,
        times.prevote_ms,
        times.precommit_ms,
        times.delta_ms,
        times.rebroadcast_ms,
    )
    return Pace(
        settings.block_interval_ms,
        timeouts,
        host.config.consensus.journal_max_bytes,
        host.now_ms,
    )


def accuser(
    host: Hosting, disk: Disk, submit: Callable[[UnverifiedTransaction], object]
) -> Accuser:
    """Who brings the offences on a chain to where they are punished."""
    return Accuser(disk.store, disk.sets, host.identity.network_key, submit, host.registry)


def checkpoints(
    name: str,
    host: Hosting,
    disk: Disk,
    relay: Relay,
    accuser: Accuser,
    is_behind: Callable[[], bool],
) -> Checkpoints:
    """What a chain signs, collects and holds to of checkpoints."""
    return Checkpoints(
        Statements(disk.store, disk.sets),
        CertificateArchive(disk.store.database),
        disk.guards,
        [each for each in trusted_blocks(host.config.checkpoints.trusted) if each.shard == name],
        host.network,
        relay.peers,
        lambda word: relay.spread(CheckpointEnvelope(word)),
        accuser.accuse_authority,
        is_behind,
        host.observer,
    )


def seed_duty(
    host: Hosting,
    disk: Disk,
    submit: Callable[[UnverifiedTransaction], object],
    is_behind: Callable[[], bool],
) -> SeedDuty:
    """What this node's validator and authorities owe the seeds; nothing but on the registry."""
    store, key, own = disk.store, host.identity.validator_key, None
    if key is not None and disk.signer is not None and store.parameters.registry:
        length = chain_length(store.parameters.staking.epoch_blocks)
        own = OwnChains(store.chain_id, key, length)
    return SeedDuty(store, own, host.identity.authority_keys, submit, is_behind)


def served_elsewhere(
    registry: Registry | None, validator: bytes | None, known: Iterable[str], hosted: Iterable[str]
) -> tuple[str, ...]:
    """The chains of the genesis that a validator serves, by the registry's head, and that its node
    does not host: absence from them costs reputation."""
    if registry is None or validator is None:
        return ()
    store = registry.store
    coin = read_coin(store, validator_coin_id(store.chain_id, validator))
    if not isinstance(coin, Validator):
        return ()
    serves: set[str] = set(coin.shards) or set(known)
    return tuple(name for name in known if name in serves - set(hosted))


def roll_caller(host: Hosting, disk: Disk, is_behind: Callable[[], bool]) -> RollCaller:
    """Who tells the registry which validators are there on a chain that this node votes on."""
    key = host.identity.validator_key if disk.signer is not None else None
    return RollCaller(disk.store, disk.sets, key, host.registry, is_behind)


@asynccontextmanager
async def open_disk(name: str, host: Hosting, home: Home) -> AsyncIterator[Disk]:
    """Open what a chain keeps on disk, and close it in the end.

    Raises storage's errors, among them `Locked` where another process has this home.
    """
    with ExitStack() as stack:
        store = await trio.to_thread.run_sync(
            open_store, name, host.genesis, host.config, home.database(name)
        )
        stack.callback(store.close)
        journal = Journal.open(home.journal(name))
        stack.callback(journal.close)
        signer = None
        key = host.identity.validator_key
        sets = sets_on(name, host.genesis, host.registry, store)
        votes = _may_vote(sets, store.tip.height + 1, host.identity.validator)
        if key is not None and (votes or not isinstance(sets, FixedSets)):
            # A guard that is lost later is not made again: it would not know what it signed.
            # Where sets change, who has no vote yet may come to have one.
            fresh = (store.tip.height == 0 or not votes) and not journal.recovered
            signer = Signer.open(home.signer(name), key, store.chain_id, create=fresh)
            stack.callback(signer.close)
        guards = stack.enter_context(
            open_guards(
                store.chain_id,
                store.parameters,
                CertificateArchive(store.database),
                host.identity.authority_keys,
                partial(home.checkpoint_guard, name),
            )
        )
        yield Disk(store, sets, journal, signer, guards)


def sets_on(
    name: str, genesis: Genesis, registry: Registry | None, store: ChainStore
) -> ValidatorSets:
    """Who votes on a chain."""
    if store.parameters.registry:
        return RegistrySets(store.database, store.parameters.staking.epoch_blocks)
    if registry is not None:
        return FollowedSets(registry.sets, Shard(name), partial(anchor_of, store))
    return FixedSets(genesis.validator_set(name), genesis_id(genesis, name))


def _may_vote(sets: ValidatorSets, height: int, validator: bytes | None) -> bool:
    """Whether a key votes at a height, for all that is known here."""
    try:
        return validator in sets.at(height)
    except SetUnknown:
        return True


def open_store(name: str, genesis: Genesis, config: Config, path: Path) -> ChainStore:
    """A chain's database in a folder, with its genesis in it."""
    chain = chain_id(genesis.network, name)
    cash = [(each.address, each.amount_ugtx) for each in genesis.allocations_on(name)]
    return ChainStore.open(
        path,
        chain,
        genesis_id(genesis, name),
        genesis.time_ms,
        genesis.chain_parameters(name),
        initial_coins(
            chain, cash, (), genesis.stakes_on(name), genesis.serving(), genesis_id(genesis, name)
        ),
        cache_bytes=config.storage.cache_bytes,
        write_buffer_bytes=config.storage.write_buffer_bytes,
    )
