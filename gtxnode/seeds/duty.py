"""What a validator and the authorities owe the seeds, sent by their node on the registry.

A validator commits to a hash chain where it has none, and to a new one while half of the old is
left. An authority commits to a value in every epoch, and reveals it in the first half of the epoch
after the next: never before the proposers whose reveals it is mixed with have made their last.

Everything is read from final state, so whatever was lost, or sent twice, does no harm: a
transaction names its epoch and takes effect once.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import structlog
import trio

from consensus import signing
from consensus.hash_chain import HashChain
from consensus.seed import SeedState, may_reveal, pledge_commitment
from gtxnode.chain.reveals import reveal_chain, seed_state
from gtxnode.chain.store import ChainStore
from gtxnode.ledger.authority.authorities import all_authorities
from gtxnode.ledger.bodies import Body, PledgeSeed, RenewChain, RevealSeed
from gtxnode.ledger.registry.validators import epoch_of, validator_coin_id
from gtxnode.ledger.transactions import UnverifiedTransaction, parse
from gtxnode.ledger.wallet import sign
from gtxnode.primitives.errors import Refused
from gtxnode.seeds.secrets import OwnChains, authority_value

if TYPE_CHECKING:
    from trio_typing import TaskStatus

log = structlog.get_logger(__name__)

PATIENCE_BLOCKS: Final = 10
"""After so many blocks without effect a transaction is sent again."""


class SeedDuty:
    """Of one node on one chain; there is nothing to do but on the registry."""

    def __init__(
        self,
        store: ChainStore,
        own: OwnChains | None,
        authority_keys: Sequence[bytes],
        submit: Callable[[UnverifiedTransaction], object],
        is_behind: Callable[[], bool],
    ) -> None:
        self._store = store
        self._own = own
        self._authority_keys = tuple(authority_keys)
        self._submit = submit
        self._is_behind = is_behind
        self._sent: dict[Body, int] = {}
        self._news = trio.Event()

    def next_reveal(self, chain: HashChain) -> bytes | None:
        """What our validator has to reveal next; None where that is nothing of ours."""
        return self._own.next_reveal(chain) if self._own is not None else None

    def advanced(self) -> None:
        """A block became final."""
        self._news.set()

    async def run(self, task_status: "TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        """Send what is due, block by block, until cancelled."""
        task_status.started()
        if not self._store.parameters.registry:
            return
        while True:
            self._news = trio.Event()
            if not self._is_behind():
                # Working out a chain takes a while.
                self.send(await trio.to_thread.run_sync(self.due))
            await self._news.wait()

    def due(self) -> list[tuple[Body, bytes]]:
        """What is to be sent now, and the private key that signs it."""
        return [*self._of_validator(), *self._of_authorities()]

    def send(self, due: Sequence[tuple[Body, bytes]]) -> None:
        """Send what was not sent lately."""
        height, chain_id = self._store.tip.height, self._store.chain_id
        self._sent = {body: at for body, at in self._sent.items() if height - at < PATIENCE_BLOCKS}
        for body, private_key in due:
            if body in self._sent:
                continue
            try:
                self._submit(parse(chain_id, sign(chain_id, body, private_key).encoded))
            except Refused as refused:
                # The next block is another chance.
                log.warning("seed_duty_not_sent", chain=chain_id, reason=str(refused))
                continue
            self._sent[body] = height
            log.info("seed_duty_sent", chain=chain_id, kind=type(body).__name__)

    def _of_validator(self) -> Iterator[tuple[Body, bytes]]:
        own, epoch = self._own, self._epoch()
        if own is None:
            return
        if self._store.get(validator_coin_id(self._store.chain_id, own.public_key)) is None:
            return
        chain = reveal_chain(self._store, own.public_key)
        if chain.successor is None and 2 * own.left(chain) < own.length:
            yield RenewChain(own.public_key, epoch, own.end(epoch + 1)), own.private_key

    def _of_authorities(self) -> Iterator[tuple[Body, bytes]]:
        authorities = all_authorities(self._store.parameters)
        seeds = seed_state(self._store)
        if authorities is None or seeds.epoch != self._epoch():
            return
        for key in self._authority_keys:
            role = authorities.role_of(signing.public_key(key))
            if role is not None:
                yield from ((body, key) for body in self._of_authority(seeds, role, key))

    def _of_authority(self, seeds: SeedState, role: int, key: bytes) -> Iterator[Body]:
        chain_id, epoch = self._store.chain_id, seeds.epoch
        if all(each.role != role for each in seeds.committing):
            value = authority_value(chain_id, key, epoch)
            yield PledgeSeed(epoch, pledge_commitment(chain_id, epoch, role, value))
        blocks = self._store.parameters.staking.epoch_blocks
        if epoch < 2 or not may_reveal(self._store.tip.height % blocks, blocks):
            return
        owed = {each.commitment for each in seeds.revealing if each.role == role and not each.value}
        for held in self._authority_keys:
            # The key that it committed with may have been rotated since.
            value = authority_value(chain_id, held, epoch - 2)
            if pledge_commitment(chain_id, epoch - 2, role, value) in owed:
                yield RevealSeed(epoch, value)

    def _epoch(self) -> int:
        """Of the next block."""
        return epoch_of(self._store.tip.height + 1, self._store.parameters.staking.epoch_blocks)
