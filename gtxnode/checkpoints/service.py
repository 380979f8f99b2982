"""A chain's checkpoints on this node: signed, certified, kept, asked for, and held to.

    block final --> what it states --> guards sign --> relay --> other nodes
                          |                                          |
                     certificate  <--  enough words of authorities <-+

Nothing here is waited for: a chain whose authorities are silent goes on, and the lag grows. A
certificate is kept once this node's own chain contains its block. One that is ahead of the tip says
where sync must arrive; one that contradicts what is final here is never taken, and is told loudly.
Of what was missed only the newest is signed, but for a turn (`turns.py`): that comes first.

One task (`_follow`) signs, certifies and writes, in the order of heights.
"""

import logging
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
from consensus.errors import PeerError, Refusal
from gtxnode.checkpoints.ahead import Ahead
from gtxnode.checkpoints.archive import CertificateArchive
from gtxnode.checkpoints.collector import Collector, Observer
from gtxnode.checkpoints.exchange import MAX_LEAD_STEPS, ask_lead, serving_leads
from gtxnode.checkpoints.guard import CheckpointGuard
from gtxnode.checkpoints.statement import Statements
from gtxnode.checkpoints.trust import InvalidTrust, Trust, gather
from gtxnode.checkpoints.turns import Turns, check_turn
from gtxnode.primitives.zones import Role
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
        self._turns = Turns(statements.store, archive)
        self._ahead = Ahead()
        self._points: Mapping[int, bytes] = {}
        self._show_points()
        self._due: dict[int, Checkpoint] = {}
        """What is final and not certified, by height."""
        self._own: tuple[SignedCheckpoint, ...] = ()
        """Our words for the one that was signed last."""
        self._tried = 0
        """Its height."""
        self._turn: int | None = None
        """The first turn that has no certificate yet: nothing newer is signed or taken."""
        self._looked = 0
        """The tip at the last look."""
        self._asked = 0
        self._news = trio.Event()

    @property
    def height(self) -> int:
        """Of the newest checkpoint, 0 for none."""
        return self._newest.checkpoint.height if self._newest is not None else 0

    @property
    def turn(self) -> int | None:
        """The checkpoint at which authorities change and that is not certified, None for none."""
        return self._turn

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
        if not self._wants(height):
            self._observer.refused_checkpoint(Refusal.WRONG_HEIGHT)
        elif self._collector.take(peer, word, self._due.get(height)):
            self._news.set()

    async def run(self, task_status: "TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        """Take part until cancelled.

        Raises `CheckpointCrossed`, `SignerFailed`, and storage's write errors.
        """
        self._measure()
        async with (
            serving_leads(
                self._network,
                self._store.chain_id,
                self._lead,
                self._observer.refused_checkpoint,
            ),
            trio.open_nursery() as nursery,
        ):
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

    def _lead(self, after: int) -> Trust:
        return gather(self._store, after, MAX_LEAD_STEPS)

    async def _look(self) -> None:
        """Find what has become due since the last look."""
        tip, lowest = self._store.tip.height, self._lowest()
        self._statements.hold(
            point for point in self._trusted if self._looked < point.height <= tip
        )
        self._looked = tip
        if not self._store.parameters.authorities:
            return
        self._find_turn()
        first = -(-lowest // self._interval) * self._interval
        turns = () if self._turn is None else (self._turn,)
        for height in (*turns, *range(first, tip + 1, self._interval)):
            if height not in self._due:
                stated = await trio.to_thread.run_sync(self._statements.of, height)
                if stated is not None:
                    self._due[height] = stated
                    self._tell(height)
        self._forget()

    async def _weigh(self) -> None:
        """Hold certificates that were ahead against our chain, once that has come to them."""
        for certificate in self._ahead.reached(self._store.tip.height):
            height = certificate.checkpoint.height
            if height > self.height or height == self._turn:
                try:
                    check_turn(height, self._turn)
                except PeerError as error:
                    self._collector.refuse(self._ahead.peer, error)
                    self._ahead.drop()
                    break
                await self._keep_if_true(certificate)
            self._ahead.drop(height)
        self._show_points()

    async def _keep_if_true(self, certificate: Certificate) -> None:
        try:
            # Again, by what is final here: keys may have been barred since it came.
            checkpoint = self._collector.verified(certificate)
            await trio.to_thread.run_sync(self._statements.check, checkpoint)
            await self._keep(certificate)
        except PeerError as error:
            log.error(
                "checkpoint_conflicts_with_chain",
                chain=self._store.chain_id,
                checkpoint=repr(certificate.checkpoint),
                reason=str(error),
            )
            self._observer.conflicting_checkpoints()
            self._collector.convict(certificate)

    async def _sign(self) -> None:
        """Sign the turn that is missing, or the newest that is due, once for each role that has a
        key here."""
        height, tip = self._turn or max(self._due, default=0), self._store.tip.height
        if not self._guards or not height or height == self._tried or self._is_behind():
            return
        if any(guard.last_height > tip for guard in self._guards):
            return  # This chain has not come yet to what was signed on it.
        stated = self._due.get(height)
        if stated is None:
            return  # It is looked up next.
        self._tried = height
        authorities = self._statements.authorities(height)
        own: dict[int, SignedCheckpoint] = {}
        for guard in self._guards:
            role = authorities.role_of(guard.public_key) if authorities is not None else None
            if role is None or role in own:
                continue
            try:
                own[role] = await trio.to_thread.run_sync(self._word, guard, stated)
            except WouldSignTwice as error:
                log.error("refused_to_sign", chain=self._store.chain_id, reason=str(error))
        self._own = tuple(own.values())
        for role, word in own.items():
            self._collector.take_own(role, word)
            await self._say(word)

    def _word(self, guard: CheckpointGuard, stated: Checkpoint) -> SignedCheckpoint:
        if stated.height == self._turn and stated.height < guard.last_height:
            # It was signed past before turns had to come first.
            last = self._statements.of(guard.last_height)
            if last is not None:
                return guard.sign_below(stated, last)
        return guard.sign(stated)

    async def _certify(self) -> None:
        """Put together the highest certificate that the words make, over all turns."""
        while (certificate := self._next_certificate()) is not None:
            await self._keep(certificate)

    def _next_certificate(self) -> Certificate | None:
        for height in sorted(self._due, reverse=True):
            if self._turn is None or height <= self._turn:
                certificate = self._collector.certificate(self._due[height])
                if certificate is not None:
                    return certificate
        return None

    async def _keep(self, certificate: Certificate) -> None:
        await trio.to_thread.run_sync(self._archive.keep, certificate)
        height = certificate.checkpoint.height
        if height > self.height:
            self._newest = certificate
        self._find_turn()
        self._forget()
        self._show_points()
        self._measure()
        self._news.set()
        log.info(
            "checkpoint_certified",
            chain=self._store.chain_id,
            height=height,
            block=certificate.checkpoint.block_id.hex(),
            authorities=len(certificate.signatures),
        )

    def _find_turn(self) -> None:
        found, self._turn = self._turn, self._turns.missing()
        if found != self._turn:
            self._measure()

    def _tell(self, due: int) -> None:
        """Say whom it waits for, where a turn is still missing."""
        if self._turn is None or due < self._turn:
            return
        authorities = self._statements.authorities(self._turn)
        heard = self._collector.heard(self._turn)
        log.log(
            logging.WARNING if due > self._turn else logging.INFO,
            "checkpoint_turn",
            chain=self._store.chain_id,
            height=self._turn,
            needs=authorities.threshold if authorities is not None else None,
            heard=[Role(role).name.lower() for role in heard],
        )

    # ---- what comes round ----

    async def _repeat(self) -> None:
        while True:
            await trio.sleep(REPEAT_S)
            for word in self._own:
                if word.checkpoint.height > self.height or word.checkpoint.height == self._turn:
                    await self._say(word)
            missing = self._store.tip.height - self.height >= self._interval
            peers = self._peers()
            if peers and (missing or self._turn is not None or self._is_behind()):
                self._asked += 1
                await self._ask(peers[self._asked % len(peers)])

    async def _ask(self, peer: PeerId) -> None:
        """Take what leads on by a peer's certificates, if it leads further than what is known."""
        chain, turn, after = self._store.chain_id, self._turn, self._led()
        signers = self._statements.authorities((after // self._interval + 1) * self._interval)
        if signers is None:
            return
        try:
            lead = await ask_lead(self._network, chain, peer, after)
        except RequestFailed as error:
            log.debug("checkpoint_not_answered", chain=chain, peer=peer, reason=str(error))
            return
        except InvalidTrust as error:
            self._collector.refuse(peer, InvalidCheckpoint(Refusal.MALFORMED, str(error)))
            return
        if lead is None or not self._leads_on(lead.newest.checkpoint.height):
            return
        try:
            certificates = await trio.to_thread.run_sync(
                self._collector.followed, signers, after, lead, turn
            )
        except PeerError as error:
            self._collector.refuse(peer, error)
            return
        self._ahead.take(peer, certificates)
        self._show_points()
        self._news.set()

    def _leads_on(self, height: int) -> bool:
        return height > max(self._ahead.height, self._led())

    def _led(self) -> int:
        """The newest checkpoint that certificates lead to, by what is kept here."""
        if self._turn is None or self.height < self._turn:
            return self.height
        found = self._archive.newest(below=self._turn)
        return found.checkpoint.height if found is not None else 0

    def _wants(self, height: int) -> bool:
        """Whether words for a checkpoint are taken, and what it states is kept."""
        return height == self._turn or self._lowest() <= height <= self._highest()

    def _lowest(self) -> int:
        """The lowest height that words are kept of, but for a turn's."""
        return max(self.height + 1, self._store.tip.height - BEHIND * self._interval)

    def _highest(self) -> int:
        return self._store.tip.height + AHEAD * self._interval

    def _forget(self) -> None:
        self._due = {height: each for height, each in self._due.items() if self._wants(height)}
        self._collector.keep(self._wants)

    def _show_points(self) -> None:
        points = {each.height: each.block_id for each in self._trusted} | self._ahead.points()
        if self._newest is not None:
            points[self.height] = self._newest.checkpoint.block_id
        self._points = points

    def _measure(self) -> None:
        if self._store.parameters.authorities:
            led = self._led()
            self._observer.checkpoint(led, self._store.tip.height - led)
            self._observer.turn_missing(self._turn or 0)
