"""Catching up: final blocks that we lack are pulled from peers, verified and handed on.

A peer's head is a claim; a block is believed only with a commit that verifies. Blocks are fetched
in ranges, and handed to the engine one by one, which executes them in order.
"""

from collections.abc import Awaitable, Callable, Sequence

import structlog
import trio

from consensus.encoding import DecodeError
from consensus.errors import InvalidCommit
from consensus.light import verify_commit
from consensus.types import (
    Block,
    Commit,
    block_codec,
    block_id,
    commit_codec,
    commit_root,
    payload_root,
)
from consensus.validators import ValidatorSet
from gtxnode.sync.wire import (
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
RETRY_S = 0.25
MAX_KNOWN_HEADS = 1_024
# With a peer this far ahead, votes on our height are over: this node is catching up.
CATCHING_UP_BLOCKS = 3

Validators = Callable[[int], ValidatorSet]
Deliver = Callable[[Block, Commit], Awaitable[None]]


class BadBlocks(Exception):
    """An answer that does not prove what it claims."""


class Follower:
    """Follows the highest head that peers claim."""

    def __init__(
        self,
        network: Network,
        chain_id: str,
        head_height: Callable[[], int],
        validators: Validators,
        deliver: Deliver,
        wait_for_height: Callable[[int], Awaitable[None]],
    ) -> None:
        self._network = network
        self._chain_id = chain_id
        self._head_height = head_height
        self._validators = validators
        self._deliver = deliver
        self._wait_for_height = wait_for_height
        self._heads: dict[PeerId, int] = {}
        self._news = trio.Event()

    @property
    def best_known_height(self) -> int:
        """The highest final height that this node or a peer claims."""
        return max(self._head_height(), max(self._heads.values(), default=0))

    @property
    def catching_up(self) -> bool:
        """Whether peers are so far ahead that this node cannot take part yet."""
        return self.best_known_height >= self._head_height() + CATCHING_UP_BLOCKS

    def note_head(self, peer: PeerId, height: int) -> None:
        """Take a peer's claim that `height` is final."""
        if height <= self._heads.get(peer, 0):
            return
        if peer not in self._heads and len(self._heads) >= MAX_KNOWN_HEADS:
            del self._heads[next(iter(self._heads))]
        self._heads[peer] = height
        if height > self._head_height():
            self._news.set()

    async def run(self) -> None:
        """Fetch whenever somebody is ahead, until cancelled."""
        while True:
            await self._news.wait()
            self._news = trio.Event()
            while (peer := self._ahead()) is not None:
                if not await self._fetch(peer):
                    # A claim that brings nothing is forgotten; an honest peer makes it again.
                    self._heads.pop(peer, None)
                    await trio.sleep(RETRY_S)

    def _ahead(self) -> PeerId | None:
        head = self._head_height()
        connected = {peer.id for peer in self._network.peers()}
        self._heads = {peer: at for peer, at in self._heads.items() if peer in connected}
        ahead = [(height, peer) for peer, height in self._heads.items() if height > head]
        return max(ahead)[1] if ahead else None

    async def _fetch(self, peer: PeerId) -> bool:
        """Fetch one range from a peer and hand it on; whether it brought anything."""
        first = self._head_height() + 1
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
            return False
        except (DecodeError, BadBlocks) as error:
            log.warning("blocks_refused", chain=self._chain_id, peer=peer, reason=str(error))
            self._network.report(peer, Offence.INVALID)
            return False
        for block, commit in blocks:
            if block.header.height > self._head_height():
                await self._deliver(block, commit)
        if blocks:
            await self._wait_for_height(blocks[-1][0].header.height)
        return bool(blocks)

    def _verify(self, first: int, found: Sequence[FinalBlock]) -> list[tuple[Block, Commit]]:
        """Decode blocks and verify each one's commit; pure CPU, for a worker thread."""
        verified = []
        for height, item in enumerate(found, first):
            block, commit = block_codec.decode(item.block), commit_codec.decode(item.commit)
            header = block.header
            if header.height != height or header.chain_id != self._chain_id:
                raise BadBlocks(f"asked for height {height}, got {header.height}")
            if (
                payload_root(block.payload) != header.payload_root
                or commit_root(block.last_commit) != header.last_commit_root
            ):
                raise BadBlocks(f"block {height} does not match its header")
            try:
                verify_commit(
                    self._chain_id, self._validators(height), block_id(header), height, commit
                )
            except InvalidCommit as error:
                raise BadBlocks(str(error)) from error
            verified.append((block, commit))
        return verified
