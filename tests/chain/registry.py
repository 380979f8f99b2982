"""A registry's store with one founder who decides alone, for tests of what lies around it."""

from collections.abc import Sequence

from consensus import signing
from consensus.types import (
    UNSIGNED,
    Block,
    Commit,
    CommitSignature,
    Vote,
    VoteKind,
    block_id,
    vote_digest,
)
from consensus.validators import Validator, ValidatorSet
from gtxnode.batches.batch import NO_WORK, BatchKind
from gtxnode.batches.pool import CheckedBatch
from gtxnode.chain.rules import build_block, check_block
from gtxnode.chain.store import ChainStore
from gtxnode.chain.validators import RegistrySets
from gtxnode.intake import seal_batch
from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import Body
from gtxnode.ledger.coins import Cash, decode_coin
from gtxnode.ledger.genesis import initial_coins
from gtxnode.ledger.parameters import ChainParameters, StakingRules
from gtxnode.ledger.registry.amendments import Change
from gtxnode.ledger.registry.votes import Choice, GovernanceRules
from gtxnode.ledger.wallet import sign
from gtxnode.primitives.addresses import address_of
from gtxnode.primitives.zones import Zone
from storage.memory import MemoryStore

CHAIN = "test/func_governance"
GENESIS_ID = b"\x07" * 32
EPOCH = 3
RULES = StakingRules(
    epoch_blocks=EPOCH, min_stake_ugtx=10, evidence_epochs=2, unbonding_epochs=4, late_heights=1
)
GOVERNANCE = GovernanceRules(
    deposit_ugtx=10, start_delay_epochs=0, voting_epochs=1, execution_delay_epochs=0
)
PARAMETERS = ChainParameters(staking=RULES, governance=GOVERNANCE, registry=True)
FOUNDER, NEWCOMER, OWNER = (bytes([number]) * 32 for number in (1, 2, 3))
PUBLIC = {key: signing.public_key(key) for key in (FOUNDER, NEWCOMER, OWNER)}
ADDRESS = address_of(PUBLIC[OWNER])
GENESIS = ValidatorSet([Validator(PUBLIC[FOUNDER], 1_000, 500_000, Zone.BANGKOK)])
FEE = PARAMETERS.min_fee_ugtx


class Registry:
    """A registry's store with one founder, who decides alone."""

    def __init__(self, parameters: ChainParameters = PARAMETERS) -> None:
        self.parameters = parameters
        self.database = MemoryStore()
        self.store, self.sets = self.opened()
        self.proposals = 0

    def opened(self) -> tuple[ChainStore, RegistrySets]:
        """As a node that starts has them."""
        coins = initial_coins(CHAIN, [(ADDRESS, 10**9)], validators=GENESIS)
        store = ChainStore.on(self.database, CHAIN, GENESIS_ID, 0, self.parameters, coins)
        return store, RegistrySets(store.database, self.parameters.staking.epoch_blocks)

    def cash(self, address: bytes = ADDRESS) -> list[tuple[bytes, Cash]]:
        with self.store.snapshot() as reader:
            owned = [
                (coin_id, decode_coin(encoded))
                for coin_id, encoded in self.store.owned(reader, address, None, None)
            ]
        return [(coin_id, coin) for coin_id, coin in owned if isinstance(coin, Cash)]

    def next_block(self, batches: Sequence[CheckedBatch] = ()) -> Block:
        store, height = self.store, self.store.tip.height + 1
        return build_block(
            store.tip,
            [batch.id for batch in batches],
            store.last_commit,
            self.sets.at(height),
            self.sets.at(height + 1),
            PUBLIC[FOUNDER],
            store.tip.time_ms + 1_000,
        )

    def add(self, *bodies: Body, by: bytes = OWNER, beside: Sequence[bytes] = ()) -> None:
        """Make a block of the owner's transactions final, or of others'; all take effect."""
        assert not any(self.add_any(*bodies, by=by, beside=beside))

    def add_any(
        self, *bodies: Body, by: bytes = OWNER, beside: Sequence[bytes] = ()
    ) -> list[str | None]:
        """Make a block of the owner's transactions final; why each was refused, if it was."""
        batches = [self._batch(bodies, (by, *beside))] if bodies else []
        block = self.next_block(batches)
        height = block.header.height
        arguments = (self.sets.at(height), self.sets.at(height + 1), self.sets.at(height - 1))
        check_block(self.store.tip, block, *arguments, self.store.recent)
        record = self.store.finalise(block, commit_on(block), batches)
        return [each.reason for each in record.transactions]

    def _batch(self, bodies: Sequence[Body], by: Sequence[bytes]) -> CheckedBatch:
        signed = tuple(sign(CHAIN, body, *by) for body in bodies)
        parent = (self.store.tip.height, self.store.tip.id)
        encoded = [each.encoded for each in signed]
        sealed = seal_batch(CHAIN, BatchKind.ORDINARY, parent, encoded, NO_WORK, FOUNDER)
        return CheckedBatch(sealed, signed)

    def change(self, name: str, value: str) -> None:
        """Change a parameter, from the proposal to where it holds: through three epochs."""
        founder = address_of(PUBLIC[FOUNDER])
        changes, fee = [Change(name, value)], self.store.parameters.min_fee_ugtx
        self.add(wallet.pay(ADDRESS, self.cash(), founder, 10 * fee, fee))
        self.add(wallet.propose(ADDRESS, self.cash(), name, changes, 10, fee))
        self.to_next_epoch()
        cash, key = self.cash(founder), PUBLIC[FOUNDER]
        number = self.proposals + 1
        self.add(wallet.vote(founder, cash, number, key, Choice.YES, fee), by=FOUNDER)
        self.proposals = number
        self.to_next_epoch()

    def to_next_epoch(self) -> None:
        """Empty blocks, until the next one is the first of an epoch."""
        self.add()
        while self.store.tip.height % EPOCH:
            self.add()

    def stake(self, amount_ugtx: int) -> Body:
        proof = wallet.prove_possession(CHAIN, NEWCOMER, ADDRESS, Zone.EASTERN)
        key = PUBLIC[NEWCOMER]
        return wallet.stake(ADDRESS, self.cash(), key, amount_ugtx, FEE, proof)


def commit_on(block: Block) -> Commit:
    """The founder's precommit alone: in these tests it has two thirds of the stake."""
    identity, height = block_id(block.header), block.header.height
    vote = Vote(VoteKind.PRECOMMIT, height, 0, identity, -1, PUBLIC[FOUNDER], UNSIGNED)
    signature = signing.sign(FOUNDER, vote_digest(CHAIN, vote))
    return Commit(height, 0, identity, (CommitSignature(PUBLIC[FOUNDER], signature),))
