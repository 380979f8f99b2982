"""A registry in a dict for tests: `LittleChain` with validators, held against their invariants."""

from hashlib import sha256

import msgspec

from consensus import signing
from consensus.types import (
    UNSIGNED,
    Commit,
    CommitSignature,
    Proposal,
    Vote,
    VoteKind,
    proposal_digest,
    vote_digest,
)
from consensus.validators import MAX_TOTAL_STAKE, ValidatorSet
from consensus.validators import Validator as Member
from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import Evidence, ProposalPair, VotePair
from gtxnode.ledger.coins import Cash
from gtxnode.ledger.market.open_orders import OpenOrders
from gtxnode.ledger.outcome import BlockOutcome
from gtxnode.ledger.parameters import ChainParameters, StakingRules
from gtxnode.ledger.registry.amendments import Change
from gtxnode.ledger.registry.proposals import (
    OPEN,
    Agenda,
    Electorate,
    Status,
    agenda_coin_id,
    proposal_coin_id,
)
from gtxnode.ledger.registry.proposals import Proposal as ParameterProposal
from gtxnode.ledger.registry.validators import (
    Committee,
    Presence,
    Roster,
    Validator,
    committee_coin_id,
    epoch_of,
    last_height_of,
    presence_coin_id,
    roster_coin_id,
    validator_coin_id,
)
from gtxnode.ledger.registry.votes import Choice, GovernanceRules
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.zones import Shard, Zone
from tests.ledger.little_chain import (
    CHAIN,
    FEE,
    GTX,
    LittleChain,
    address,
    private_key,
    public_key,
    signed,
)

RULES = StakingRules(
    epoch_blocks=3,
    max_validators=3,
    min_stake_ugtx=10 * GTX,
    evidence_epochs=3,
    unbonding_epochs=5,
    jail_epochs=2,
)
VOTING = GovernanceRules(
    deposit_ugtx=20 * GTX,
    max_open=4,
    start_delay_epochs=1,
    voting_epochs=2,
    execution_delay_epochs=1,
    max_wait_epochs=10,
)
GENESIS_STAKE = 100 * GTX


def node(name: str) -> bytes:
    """The consensus key of a person's node."""
    return public_key(f"{name}'s node")


class LittleRegistry(LittleChain):
    """`founders` validate from genesis, and own their stakes with their nodes' keys.

    All of `people`, and the founders' nodes, have cash.
    """

    def __init__(
        self,
        founders: tuple[str, ...],
        people: tuple[str, ...] = (),
        *,
        rules: StakingRules = RULES,
        governance: GovernanceRules = VOTING,
        cash_ugtx: int = 1_000 * GTX,
    ) -> None:
        self.absent: set[str] = set()
        super().__init__(
            *people,
            *[f"{name}'s node" for name in founders],
            cash_ugtx=cash_ugtx,
            parameters=ChainParameters(
                zones=(Zone.BANGKOK,), staking=rules, governance=governance, registry=True
            ),
            validators=ValidatorSet(
                Member(node(name), GENESIS_STAKE, rules.reputation.start, Zone.BANGKOK)
                for name in founders
            ),
        )

    @property
    def rules(self) -> StakingRules:
        return self.parameters.staking

    @property
    def epoch(self) -> int:
        """Of the next block."""
        return epoch_of(self.height + 1, self.rules.epoch_blocks)

    def to_epoch(self, epoch: int) -> None:
        """Empty blocks, until the next block is the first of this epoch, or a later one of it."""
        while self.epoch < epoch:
            self.block()

    def validator(self, name: str) -> Validator | None:
        coin = self.coin(validator_coin_id(CHAIN, node(name)))
        assert coin is None or isinstance(coin, Validator)
        return coin

    def committee(self, epoch: int) -> Committee | None:
        coin = self.coin(committee_coin_id(CHAIN, epoch))
        assert coin is None or isinstance(coin, Committee)
        return coin

    def power(self, epoch: int) -> dict[bytes, int]:
        """Stake by key of those who vote in an epoch."""
        committee = self.committee(epoch)
        assert committee is not None
        return {member.public_key: member.stake for member in committee.members}

    def presence(self) -> Presence:
        coin = self.coin(presence_coin_id(CHAIN))
        assert isinstance(coin, Presence)
        return coin

    def execute(
        self, *transactions: CheckedTransaction, orders: OpenOrders | None = None
    ) -> BlockOutcome:
        """With the precommits of all but `absent` for the parent."""
        self.last_commit = self._commit() if self.height else None
        return super().execute(*transactions, orders=orders)

    def _commit(self) -> Commit:
        committee = self.committee(epoch_of(self.height, self.rules.epoch_blocks))
        assert committee is not None
        away = {node(name) for name in self.absent}
        return Commit(
            self.height,
            0,
            _block_id(f"block {self.height}"),
            tuple(
                CommitSignature(each.public_key, UNSIGNED)
                for each in committee.members
                if each.public_key not in away
            ),
        )

    def stake(
        self, name: str, amount_ugtx: int, *, by: str | None = None, register: bool = False
    ) -> CheckedTransaction:
        """A person stakes behind their own node."""
        owner = by or name
        registration = None
        if register:
            key = private_key(f"{name}'s node")
            registration = wallet.prove_possession(CHAIN, key, address(owner), Zone.BANGKOK)
        cash = self.coins(owner, Cash)
        body = wallet.stake(address(owner), cash, node(name), amount_ugtx, FEE, registration)
        return signed(body, owner)

    def unstake(self, name: str, amount_ugtx: int, *, by: str | None = None) -> CheckedTransaction:
        owner = by or name
        cash = self.coins(owner, Cash)
        return signed(wallet.unstake(address(owner), cash, node(name), amount_ugtx, FEE), owner)

    def serve(self, name: str, *shards: Shard, by: str | None = None) -> CheckedTransaction:
        owner = by or name
        cash = self.coins(owner, Cash)
        return signed(wallet.serve(address(owner), cash, node(name), shards, FEE), owner)

    def unjail(self, name: str, *, by: str | None = None) -> CheckedTransaction:
        owner = by or name
        body = wallet.unjail(address(owner), self.coins(owner, Cash), node(name), FEE)
        return signed(body, owner)

    def propose(
        self, name: str, *changes: tuple[str, str], activation_epoch: int = 0
    ) -> CheckedTransaction:
        """A person proposes what each (name, JSON) says."""
        body = wallet.propose(
            address(name),
            self.coins(name, Cash),
            f"by {name}",
            [Change(*change) for change in changes],
            self.parameters.governance.deposit_ugtx,
            self.parameters.min_fee_ugtx,
            activation_epoch,
        )
        return signed(body, name)

    def vote(
        self, name: str, proposal: int, choice: Choice, *, by: str | None = None
    ) -> CheckedTransaction:
        """A person votes with their own node; `by` signs where that is somebody else."""
        owner = by or name
        cash, fee_ugtx = self.coins(owner, Cash), self.parameters.min_fee_ugtx
        body = wallet.vote(address(owner), cash, proposal, node(name), choice, fee_ugtx)
        return signed(body, owner)

    def proposal(self, number: int) -> ParameterProposal:
        coin = self.coin(proposal_coin_id(CHAIN, number))
        assert isinstance(coin, ParameterProposal)
        return coin

    def refused(self, transaction: CheckedTransaction) -> Reason:
        """Why the next block would refuse it, and that the block is as if it were not there."""
        empty, outcome = self.execute(), self.execute(transaction)
        assert (outcome.spent, outcome.made) == (empty.spent, empty.made)
        (receipt,) = outcome.receipts
        assert receipt.reason is not None, "it was accepted"
        return receipt.reason

    def _check_agenda(self) -> None:
        """The agenda names what is open; what is voted on has an electorate, nothing else has."""
        proposals = [coin for _, coin in self.all_coins() if isinstance(coin, ParameterProposal)]
        agenda = self.coin(agenda_coin_id(CHAIN)) or Agenda()
        assert isinstance(agenda, Agenda)
        assert agenda.last_number == len(proposals)
        still = {each.number for each in proposals if each.status in OPEN}
        assert agenda.open == tuple(sorted(still))
        assert {each.number for each in agenda.seats} <= still
        assert agenda.counting <= self.parameters.governance.max_open
        keys = [each.public_key for each in agenda.seats]
        assert len(set(keys)) == len(keys)
        voted_on = {each.voting_epoch for each in proposals if each.status is Status.VOTING}
        electorates = [coin for _, coin in self.all_coins() if isinstance(coin, Electorate)]
        assert {each.epoch for each in electorates} == voted_on
        for each in proposals:
            voting = each.status in (Status.WAITING, Status.VOTING)
            assert voting == (each.tally is None)
            assert voting or not each.deposit_ugtx

    def check(self) -> None:
        super().check()
        validators = [coin for _, coin in self.all_coins() if isinstance(coin, Validator)]
        roster = self.coin(roster_coin_id(CHAIN))
        assert isinstance(roster, Roster)
        assert list(roster.keys) == sorted(each.public_key for each in validators)
        ends = last_height_of(self.epoch, self.rules.epoch_blocks)
        assert self.height < ends
        self._check_agenda()
        committees = {
            coin.epoch: coin for _, coin in self.all_coins() if isinstance(coin, Committee)
        }
        assert set(committees) == set(
            range(max(0, self.epoch - self.rules.evidence_epochs), self.epoch + 2)
        )
        for committee in committees.values():
            total = committee.validator_set().total_stake
            assert 0 < total <= MAX_TOTAL_STAKE
            seats = max(self.rules.max_validators, self.founders_seats)
            assert len(committee.members) <= seats

    @property
    def founders_seats(self) -> int:
        """Genesis seats whom it names, until stakes decide."""
        return len(self.power(0)) if self.committee(0) is not None else 0


def prevote(
    name: str, height: int, block: str | None, round: int = 0, valid_round: int = -1
) -> Vote:
    """A node's signed prevote."""
    return _voted(VoteKind.PREVOTE, name, height, block, round, valid_round)


def precommit(name: str, height: int, block: str | None, round: int = 0) -> Vote:
    """A node's signed precommit."""
    return _voted(VoteKind.PRECOMMIT, name, height, block, round, -1)


def proposal(name: str, height: int, block: str, round: int = 0) -> Proposal:
    """A node's signed proposal."""
    unsigned = Proposal(height, round, -1, _block_id(block), node(name), UNSIGNED)
    signature = signing.sign(private_key(f"{name}'s node"), proposal_digest(CHAIN, unsigned))
    return msgspec.structs.replace(unsigned, signature=signature)


def evidence(first: Vote | Proposal, second: Vote | Proposal) -> CheckedTransaction:
    """The transaction that accuses a node of both."""
    if isinstance(first, Vote) and isinstance(second, Vote):
        return signed(Evidence(VotePair(first, second)), "anyone")
    assert isinstance(first, Proposal)
    assert isinstance(second, Proposal)
    return signed(Evidence(ProposalPair(first, second)), "anyone")


def double_vote(name: str, height: int, salt: str = "") -> CheckedTransaction:
    """Evidence that a node prevoted twice at a height."""
    return evidence(prevote(name, height, f"one{salt}"), prevote(name, height, f"two{salt}"))


def _voted(
    kind: VoteKind, name: str, height: int, block: str | None, round: int, valid_round: int
) -> Vote:
    block_id = None if block is None else _block_id(block)
    unsigned = Vote(kind, height, round, block_id, valid_round, node(name), UNSIGNED)
    signature = signing.sign(private_key(f"{name}'s node"), vote_digest(CHAIN, unsigned))
    return msgspec.structs.replace(unsigned, signature=signature)


def _block_id(block: str) -> bytes:
    return sha256(block.encode()).digest()
