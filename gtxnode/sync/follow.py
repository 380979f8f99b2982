"""Catching up: final blocks that we lack are pulled from peers, verified and handed on.

A peer's head is a claim; a block is believed only with a commit that verifies, and where no
checkpoint rules it out. Blocks are fetched
in ranges, and handed to the engine one by one, which executes them in order. Whoever delivers fewer
than it claims to have is charged, and the others are asked.
"""

from collections.abc import Awaitable, Callable, Sequence

import structlog
import trio

from consensus.encoding import DecodeError
from consensus.errors import PeerError, Refusal
from consensus.light import verify_commit
from consensus.types import (
    MAX_BLOCK_BYTES,
    MAX_COMMIT_BYTES,
    Block,
    Commit,
    block_codec,
    block_id,
    commit_codec,
    is_whole,
)
from consensus.validators import ValidatorSet
from gtxnode.chain.validators import SetUnknown, ValidatorSets
from gtxnode.sync.claims import Claims
from gtxnode.sync.hedge import ask_in_turn
from gtxnode.sync.wire import (
    ANSWER_BYTES,
    BLOCKS_ANSWER,
    BLOCKS_REQUEST,
    MAX_BLOCKS_PER_REQUEST,
    BlocksRequest,
    FinalBlock,
    blocks_protocol,
)
from p2p.errors import RequestFailed
from p2p.identity import PeerId
from p2p.network import Network, Offence

log = structlog.get_logger(__name__)

REQUEST_TIMEOUT_S = 10.0
# A peer that has not answered after this long is not waited for alone.
PATIENCE_S = 2.0
RETRY_S = 0.25
# Votes settle the block at hand in this time, mostly: fetching it would be in vain.
VOTES_GRACE_S = 0.25
# With a peer this far ahead, votes on our height are over: this node is catching up.
CATCHING_UP_BLOCKS = 3

Deliver = Callable[[Block, Commit], Awaitable[None]]
CheckBlock = Callable[[int, bytes], None]
"""Raises `CrossesCheckpoint` for the height and id of a block that a checkpoint rules out."""
Verified = list[tuple[Block, Commit]]


class BadBlocks(PeerError):
    """An answer that does not prove what it claims."""


class Follower:
    """Follows the highest head that peers claim and prove."""

    def __init__(
        self,
        network: Network,
        chain_id: str,
        head_height: Callable[[], int],
        sets: ValidatorSets,
        deliver: Deliver,
        wait_for_height: Callable[[int], Awaitable[None]],
        check_block: CheckBlock,
        refused: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._network = network
        self._chain_id = chain_id
        self._head_height = head_height
        self._sets = sets
        self._deliver = deliver
        self._wait_for_height = wait_for_height
        self._check_block = check_block
        self._refused = refused
        self._claims = Claims()
        self._news = trio.Event()

    @property
    def best_known_height(self) -> int:
        """The highest height that is known to be final, here or by what peers have proved."""
        return max(self._head_height(), self._claims.best_height)

    @property
    def catching_up(self) -> bool:
        """Whether the chain is so far ahead that this node cannot take part yet."""
        return self.best_known_height >= self._head_height() + CATCHING_UP_BLOCKS

    def note_head(self, peer: PeerId, height: int) -> None:
        """Take a peer's claim that `height` is final."""
        self._claims.note(peer, height)
        if height > self._head_height():
            self._news.set()

    async def run(self) -> None:
        """Fetch whenever somebody is ahead, until cancelled."""
        while True:
            await self._news.wait()
            self._news = trio.Event()
            with trio.move_on_after(VOTES_GRACE_S):
                await self._wait_for_height(self._head_height() + 1)
            while peers := self._ahead():
                blocks = await ask_in_turn(peers, self._fetch, patience_s=PATIENCE_S)
                if blocks is None:
                    await trio.sleep(RETRY_S)
                    continue
                for block, commit in blocks:
                    if block.header.height > self._head_height():
                        await self._deliver(block, commit)
                await self._wait_for_height(blocks[-1][0].header.height)

    def _ahead(self) -> list[PeerId]:
        self._claims.keep({peer.id for peer in self._network.peers()})
        return self._claims.ahead_of(self._head_height())

    async def _fetch(self, peer: PeerId) -> Verified | None:
        """One range of blocks from a peer; None where it does not bring what it claims to have."""
        first, claimed = self._head_height() + 1, self._claims.of(peer)
        request = BLOCKS_REQUEST.encode(BlocksRequest(first, MAX_BLOCKS_PER_REQUEST))
        try:
            answer = BLOCKS_ANSWER.decode(
                await self._network.request(
                    peer, blocks_protocol(self._chain_id), request, timeout_s=REQUEST_TIMEOUT_S
                )
            )
            blocks = await trio.to_thread.run_sync(self._verify, first, answer.blocks)
        except RequestFailed as error:
            log.debug("blocks_not_answered", chain=self._chain_id, peer=peer, reason=str(error))
            self._claims.failed(peer)
            return None
        except DecodeError as error:
            self._refuse(peer, BadBlocks(Refusal.MALFORMED, str(error)))
            return None
        except PeerError as error:
            self._refuse(peer, error)
            return None
        last = first + len(blocks) - 1
        full = is_full(answer.blocks) or len(blocks) < len(answer.blocks)
        self._claims.delivered(peer, last, more=full and last < claimed)
        if last < claimed and not full:
            reason = f"claims {claimed}, has up to {last}"
            self._refuse(peer, BadBlocks(Refusal.WRONG_HEIGHT, reason))
        return blocks or None

    def _refuse(self, peer: PeerId, error: PeerError) -> None:
        log.warning("blocks_refused", chain=self._chain_id, peer=peer, reason=str(error))
        self._refused(error.reason)
        self._claims.failed(peer)
        self._network.report(peer, Offence.INVALID)

    def _verify(self, first: int, found: Sequence[FinalBlock]) -> Verified:
        """Decode blocks and verify each one's commit; pure CPU, for a worker thread.

        Raises `PeerError`, and `DecodeError`.
        """
        verified: Verified = []
        for height, item in enumerate(found, first):
            block, commit = block_codec.decode(item.block), commit_codec.decode(item.commit)
            header = block.header
            if header.height != height or header.chain_id != self._chain_id:
                asked = f"asked for {height} of {self._chain_id}"
                raise BadBlocks(Refusal.WRONG_BLOCK, f"{asked}, got {header.height}")
            if not is_whole(block):
                raise BadBlocks(Refusal.BLOCK_MISMATCH, f"block {height} is not its header's")
            try:
                validators = self._voters(verified, height)
            except SetUnknown:
                # What comes before fixes it: the rest is fetched once that is executed.
                break
            self._check_block(height, block_id(header))
            verify_commit(self._chain_id, validators, block_id(header), height, commit)
            verified.append((block, commit))
        return verified

    def _voters(self, verified: Verified, height: int) -> ValidatorSet:
        """Who votes at a height, by the block before it."""
        if not verified:
            return self._sets.at(height)
        return self._sets.after(height - 1, verified[-1][0].header.anchor)


def is_full(blocks: Sequence[FinalBlock]) -> bool:
    """Whether an answer holds as much as one may, so that its sender may well have more."""
    size = sum(len(each.block) + len(each.commit) for each in blocks)
    return (
        len(blocks) == MAX_BLOCKS_PER_REQUEST
        or size + MAX_BLOCK_BYTES + MAX_COMMIT_BYTES > ANSWER_BYTES
    )
