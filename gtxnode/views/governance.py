"""Proposals, votes and parameters of one chain."""

from typing import cast

import trio

from gtxnode.chain.store import ChainStore
from gtxnode.ledger.coin_view import read_coin
from gtxnode.ledger.registry.amendments import FIXED
from gtxnode.ledger.registry.proposals import (
    Agenda,
    Electorate,
    InForce,
    Proposal,
    Status,
    agenda_coin_id,
    electorate_coin_id,
    in_force_coin_id,
    proposal_coin_id,
)
from gtxnode.ledger.registry.validators import epoch_of
from gtxnode.ledger.registry.votes import Choice, Tally, tally
from gtxnode.rpc.errors import NotFound
from gtxnode.rpc.views.governance import (
    ChangeView,
    ChoiceName,
    InForceView,
    ProposalPage,
    ProposalView,
    StatusName,
    TallyView,
    VotesView,
    VoteView,
)
from gtxnode.rpc.wire import Address, Amount, Hex, plain_fields


class GovernanceView:
    """Implements `rpc.backend.Governance`."""

    def __init__(self, shard: str, store: ChainStore) -> None:
        self._shard = shard
        self._store = store

    async def in_force(self) -> InForceView:
        """What the next block goes by."""
        coin = read_coin(self._store, in_force_coin_id(self._store.chain_id))
        held = coin if isinstance(coin, InForce) else None
        return InForceView(
            self._shard,
            self._store.tip.height,
            held.version if held is not None else 0,
            held.epoch if held is not None else 0,
            held.height + 1 if held is not None else 1,
            held.proposal if held is not None else None,
            plain_fields(self._store.parameters),
            tuple(FIXED),
        )

    async def proposals(self, *, before: int | None, limit: int) -> ProposalPage:
        """Proposals numbered below `before`, or all, newest first."""
        return await trio.to_thread.run_sync(self._proposals, before, limit)

    def _proposals(self, before: int | None, limit: int) -> ProposalPage:
        height = self._store.tip.height
        agenda = read_coin(self._store, agenda_coin_id(self._store.chain_id))
        last = agenda.last_number if isinstance(agenda, Agenda) else 0
        newest = last if before is None else min(last, before - 1)
        oldest = max(1, newest - limit + 1)
        found = [self._proposal(number) for number in range(newest, oldest - 1, -1)]
        epoch = epoch_of(height + 1, self._store.parameters.staking.epoch_blocks)
        return ProposalPage(height, epoch, tuple(found), oldest if oldest > 1 else None)

    async def proposal(self, number: int) -> ProposalView:
        """One proposal; raises `NotFound`."""
        return await trio.to_thread.run_sync(self._proposal, number)

    def _proposal(self, number: int) -> ProposalView:
        coin = self._found(number)
        return ProposalView(
            coin.number,
            Hex(coin.transaction),
            Address(coin.proposer),
            coin.title,
            tuple(
                ChangeView(change.name, change.value, replaced)
                for change, replaced in zip(coin.changes, coin.replaced, strict=True)
            ),
            cast("StatusName", coin.status.name.lower()),
            Amount(coin.deposit_ugtx),
            coin.proposed_height,
            coin.voting_epoch,
            coin.last_voting_epoch,
            coin.activation_epoch,
            coin.quorum_ppm,
            coin.approval_ppm,
            self._tally(coin),
        )

    async def votes(self, number: int) -> VotesView:
        """Who may vote on a proposal, and what they voted; `NotFound` unless it is voted on."""
        return await trio.to_thread.run_sync(self._votes, number)

    def _votes(self, number: int) -> VotesView:
        height = self._store.tip.height
        coin = self._found(number)
        electorate = self._electorate(coin)
        if electorate is None:
            raise NotFound(f"votes on proposal {number}, which is {coin.status.name.lower()}")
        choices = coin.choices.ljust(len(electorate.electors), b"\x00")
        votes = tuple(
            VoteView(
                Hex(elector.public_key),
                Address(elector.owner),
                Amount(elector.stake_ugtx),
                cast("ChoiceName", Choice(choice).name.lower()) if choice else None,
            )
            for elector, choice in zip(electorate.electors, choices, strict=True)
        )
        return VotesView(height, number, electorate.height, votes)

    def _tally(self, coin: Proposal) -> TallyView | None:
        found = coin.tally or self._tally_so_far(coin)
        if found is None:
            return None
        return TallyView(
            Amount(found.yes_ugtx),
            Amount(found.no_ugtx),
            Amount(found.abstain_ugtx),
            Amount(found.total_ugtx),
            found.is_quorate(coin.quorum_ppm),
            found.is_approved(coin.approval_ppm),
        )

    def _tally_so_far(self, coin: Proposal) -> Tally | None:
        electorate = self._electorate(coin)
        if electorate is None:
            return None
        return tally([each.stake_ugtx for each in electorate.electors], coin.choices)

    def _electorate(self, coin: Proposal) -> Electorate | None:
        if coin.status is not Status.VOTING:
            return None
        found = read_coin(self._store, electorate_coin_id(self._store.chain_id, coin.voting_epoch))
        return found if isinstance(found, Electorate) else None

    def _found(self, number: int) -> Proposal:
        coin = read_coin(self._store, proposal_coin_id(self._store.chain_id, number))
        if not isinstance(coin, Proposal):
            raise NotFound(f"proposal {number}")
        return coin
