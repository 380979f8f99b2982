"""A chain's checkpoints on this node: signed, certified, kept, asked for, and held to.

    block final --> what it states --> guards sign --> relay --> other nodes
                          |                                          |
                     certificate  <--  enough words of authorities <-+

Nothing here is waited for: a chain whose authorities are silent goes on, and the lag grows. A
certificate is kept once this node's own chain contains its block. One that is ahead of the tip says
where sync must arrive; one that contradicts what is final here is never taken, and is told loudly.

One task (`_follow`) signs, certifies and writes, in the order of heights.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import structlog
import trio

from consensus.checkpoints import (
    Certificate,
    Checkpoint,
    CrossesCheckpoint,
    InvalidCheckpoint,
    Point,
    SignedCheckpoint,
)
from consensus.encoding import DecodeError
from consensus.errors import PeerError, Refusal
from gtxnode.checkpoints.archive import CertificateArchive
from gtxnode.checkpoints.collector import Collector, Observer
from gtxnode.checkpoints.exchange import ask_newest, serve_newest
from gtxnode.checkpoints.guard import CheckpointGuard
from gtxnode.checkpoints.statement import Statements
from gtxnode.signer import WouldSignTwice
from p2p.errors import RequestFailed
from p2p.identity import PeerId
from p2p.network import Network

if TYPE_CHECKING:
    from trio_typing import TaskStatus

log = structlog.get_logger(__name__)

# How many checkpoints after the tip, and before it, words are kept of.
AHEAD = 2
BEHIND = 8
# How often what is not certified is said again, and a peer is asked for what is missing.
REPEAT_S = 5.0


class Checkpoints:
    """One chain's. `hold` before anything else, then `run`.

    `say` sends a word to the chain's nodes, `accuse` brings two that contradict to the chain.
    `is_behind` tells whether this node is catching up: what others certified it does not sign.
    """

    def __init__(
        self,
        statements: Statements,
        archive: CertificateArchive,
        guards: Sequence[CheckpointGuard],
        trusted: Sequence[Point],
        network: Network,
        peers: Callable[[], Sequence[PeerId]],
        say: Callable[[SignedCheckpoint], Awaitable[None]],
        accuse: Callable[[SignedCheckpoint, SignedCheckpoint], bool],
        is_behind: Callable[[], bool],
        observer: Observer,
    ) -> None:
        self._statements = statements
        self._store = statements.store
        self._interval = statements.interval_blocks
        self._archive = archive
        self._guards = guards
        self._trusted = tuple(trusted)
        self._network = network
        self._peers = peers
        self._say = say
        self._is_behind = is_behind
        self._observer = observer
        self._collector = Collector(statements, network.report, accuse, observer)
        self._newest = archive.newest()
        self._ahead: Certificate | None = None
        self._points: Mapping[int, bytes] = {}
        self._show_points()
        self._due: dict[int, Checkpoint] = {}
        """What is final and not certified, by height."""
        self._own: tuple[SignedCheckpoint, ...] = ()
        """Our words for the newest that was due."""
        self._tried = 0
        """Its height."""
        self._looked = 0
        """The tip at the last look."""
        self._asked = 0
        self._news = trio.Event()

    @property
    def height(self) -> int:
        """Of the newest checkpoint, 0 for none."""
        return self._newest.checkpoint.height if self._newest is not None else 0

    def hold(self) -> None:
        """Raise `CheckpointCrossed` if the chain runs past what it has to hold to."""
        kept = (self._newest.checkpoint,) if self._newest is not None else ()
        self._statements.hold((*kept, *self._trusted))

    def check_block(self, height: int, block_id: bytes) -> None:
        """Raise `CrossesCheckpoint` for a block that a checkpoint rules out. On any thread."""
        expected = self._points.get(height)
        if expected is not None and expected != block_id:
            reason = f"another block at height {height}"
            raise CrossesCheckpoint(Refusal.CROSSES_CHECKPOINT, reason)

    def advanced(self) -> None:
        """A block became final."""
        self._measure()
        self._news.set()

    def receive(self, peer: PeerId, word: SignedCheckpoint) -> None:
        """Take an authority's word. What is too old or too new for us is nobody's fault."""
        height = word.checkpoint.height
        if self._lowest() <= height <= self._highest() and self._collector.take(
            peer, word, self._due.get(height)
        ):
            self._news.set()

    async def run(self, task_status: "TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        """Take part until cancelled.

        Raises `CheckpointCrossed`, `SignerFailed`, and storage's write errors.
        """
        serve_newest(self._network, self._store.chain_id, lambda: self._newest)
        self._measure()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._follow)
            if self._store.parameters.authorities:
                nursery.start_soon(self._repeat)
            task_status.started()

    # ---- what is final here ----

    async def _follow(self) -> None:
        while True:
            self._news = trio.Event()
            await self._look()
            await self._weigh()
            await self._sign()
            await self._certify()
            await self._news.wait()

    async def _look(self) -> None:
        """Find what has become due since the last look."""
        tip, lowest = self._store.tip.height, self._lowest()
        self._statements.hold(
            point for point in self._trusted if self._looked < point.height <= tip
        )
        self._looked = tip
        if not self._store.parameters.authorities:
            return
        first = -(-lowest // self._interval) * self._interval
        for height in range(first, tip + 1, self._interval):
            if height not in self._due:
                stated = await trio.to_thread.run_sync(self._statements.of, height)
                if stated is not None:
                    self._due[height] = stated
        self._forget_below(lowest)
        self._collector.keep_within(lowest, self._highest())

    async def _weigh(self) -> None:
        """Hold a certificate that was ahead against our chain, once that has come to it."""
        ahead = self._ahead
        if ahead is None or ahead.checkpoint.height > self._store.tip.height:
            return
        if ahead.checkpoint.height > self.height:
            try:
                # Again: keys may have been barred since it came.
                checkpoint = self._collector.verified(ahead, self._newest)
                await trio.to_thread.run_sync(self._statements.check, checkpoint)
                await self._keep(ahead)
            except PeerError as error:
                log.error(
                    "checkpoint_conflicts_with_chain",
                    chain=self._store.chain_id,
                    checkpoint=repr(ahead.checkpoint),
                    reason=str(error),
                )
                self._observer.conflicting_checkpoints()
        self._ahead = None
        self._show_points()

    async def _sign(self) -> None:
        """Sign the newest that is due, once for each role that has a key here."""
        newest = max(self._due, default=0)
        if not self._guards or newest <= self._tried or self._is_behind():
            return
        self._tried, stated = newest, self._due[newest]
        authorities = self._statements.authorities(newest)
        own: dict[int, SignedCheckpoint] = {}
        for guard in self._guards:
            role = authorities.role_of(guard.public_key) if authorities is not None else None
            if role is None or role in own:
                continue
            try:
                own[role] = await trio.to_thread.run_sync(guard.sign, stated)
            except WouldSignTwice as error:
                log.error("refused_to_sign", chain=self._store.chain_id, reason=str(error))
        self._own = tuple(own.values())
        for role, word in own.items():
            self._collector.take_own(role, word)
            await self._say(word)

    async def _certify(self) -> None:
        """Put together the highest certificate that the words make."""
        for height in sorted(self._due, reverse=True):
            certificate = self._collector.certificate(self._due[height])
            if certificate is not None:
                await self._keep(certificate)
                return

    async def _keep(self, certificate: Certificate) -> None:
        await trio.to_thread.run_sync(self._archive.keep, certificate)
        self._newest = certificate
        self._forget_below(self.height + 1)
        self._show_points()
        self._measure()
        log.info(
            "checkpoint_certified",
            chain=self._store.chain_id,
            height=self.height,
            block=certificate.checkpoint.block_id.hex(),
            authorities=len(certificate.signatures),
        )

    # ---- what comes round ----

    async def _repeat(self) -> None:
        while True:
            await trio.sleep(REPEAT_S)
            for word in self._own:
                if word.checkpoint.height > self.height:
                    await self._say(word)
            missing = self._store.tip.height - self.height >= self._interval
            peers = self._peers()
            if peers and (missing or self._is_behind()):
                self._asked += 1
                await self._ask(peers[self._asked % len(peers)])

    async def _ask(self, peer: PeerId) -> None:
        """Take a peer's newest certificate, if it is newer than what is known here."""
        chain = self._store.chain_id
        try:
            certificate = await ask_newest(self._network, chain, peer)
        except RequestFailed as error:
            log.debug("checkpoint_not_answered", chain=chain, peer=peer, reason=str(error))
            return
        except DecodeError as error:
            self._collector.refuse(peer, InvalidCheckpoint(Refusal.MALFORMED, str(error)))
            return
        best = self._ahead.checkpoint.height if self._ahead is not None else self.height
        if certificate is None or certificate.checkpoint.height <= best:
            return
        try:
            self._collector.verified(certificate, self._newest)
        except PeerError as error:
            self._collector.refuse(peer, error)
            return
        self._ahead = certificate
        self._show_points()
        self._news.set()

    def _lowest(self) -> int:
        """The lowest height that words are kept of."""
        return max(self.height + 1, self._store.tip.height - BEHIND * self._interval)

    def _highest(self) -> int:
        return self._store.tip.height + AHEAD * self._interval

    def _forget_below(self, lowest: int) -> None:
        self._due = {height: each for height, each in self._due.items() if height >= lowest}

    def _show_points(self) -> None:
        points = {each.height: each.block_id for each in self._trusted}
        for certificate in (self._newest, self._ahead):
            if certificate is not None:
                points[certificate.checkpoint.height] = certificate.checkpoint.block_id
        self._points = points

    def _measure(self) -> None:
        if self._store.parameters.authorities:
            self._observer.checkpoint(self.height, self._store.tip.height - self.height)
