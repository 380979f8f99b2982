"""Replays traces through the round machine alone and the tally alone."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from consensus import round as rounds
from consensus import tally as tallies
from consensus.tally import Tally
from consensus.types import UNSIGNED, Vote, VoteKind
from consensus.validators import Validator, ValidatorSet
from tests.vectors.itf import Record
from tests.vectors.model import (
    KINDS,
    key_of,
    model_outputs,
    optional_id,
    optional_word,
    plain,
    round_input,
    round_state,
)

SILENT = ("NoConsensusOutput", "ErrorOutput")
"""The models answer an input that no line takes with an error; our machine with nothing."""


def replay_round(states: Sequence[Record]) -> int:
    """`consensus_*`: one process; each state has its input and the output it had to give.

    Returns how many inputs were compared.
    """
    compared = 0
    machine = round_state(states[0]["state"])
    for before, after in pairwise(states):
        if after == before:
            continue
        cs = after["state"]
        if cs["height"] != before["state"]["height"]:
            machine = round_state({**cs, "step": ("NoStep", ()), "round": -1})
        machine, outputs = rounds.apply(machine, round_input(cs["height"], after["input"]))
        check_outputs(model_outputs(cs["p"], cs["height"], outputs), after["output"])
        assert machine == round_state(cs), f"after {after['input']}: {machine}"
        compared += 1
    return compared


def check_outputs(ours: list[tuple[str, Any]], expected: tuple[str, Any]) -> None:
    """One step's outputs against the trace's."""
    wanted = [] if expected[0] in SILENT else [plain(expected)]
    assert ours == wanted, f"ours {ours}, the trace's {wanted}"


def replay_tally(states: Sequence[Record]) -> int:
    """`votekeeper*`: weights, thresholds, skips and evidence after each vote."""
    book = states[0]["bookkeeper"]
    tally = Tally(validator_set(book["validatorSet"]))
    emitted: set[tuple[str, Any]] = set()
    compared = 0
    for before, after in pairwise(states):
        if after == before:
            continue
        tag, weighted = after["weightedVote"]
        assert tag == "WV", f"unknown input {tag}"
        model_vote, weight, current_round = weighted
        vote = vote_of(model_vote)
        assert tally.validators.stake_of(vote.validator) == weight
        tally = count(tally, vote)
        output = threshold_output(tally, vote, current_round, emitted)
        assert output == after["lastEmitted"], f"{model_vote}: {output}"
        check_book(tally, after["bookkeeper"])
        compared += 1
    return compared


def count(tally: Tally, vote: Vote) -> Tally:
    """Count a vote as the driver does: once per key, the second as evidence."""
    counted = tally.find(vote)
    if counted is None:
        return tallies.add(tally, vote)
    if counted.block_id != vote.block_id:
        return tallies.mark_equivocator(tally, vote)
    return tally


def threshold_output(
    tally: Tally, vote: Vote, current_round: int, emitted: set[tuple[str, Any]]
) -> tuple[str, Any]:
    """What the model's vote keeper says after this vote: each threshold once."""
    output = _threshold(tally, vote, current_round)
    if output in emitted:
        return "NoVKOutput", ()
    emitted.add(output)
    return output


def check_book(tally: Tally, book: Any) -> None:
    """Every weight and voter of the model's bookkeeper against the tally's."""
    for number, votes in book["rounds"].items():
        for kind, field in ((VoteKind.PREVOTE, "prevotes"), (VoteKind.PRECOMMIT, "precommits")):
            ours, theirs = tally.rounds[number].of(kind), votes[field]
            weights = {optional_word(value): stake for value, stake in ours.stake_by_value.items()}
            assert weights == theirs["valuesWeights"], f"{field} of round {number}"
            assert set(ours.votes) == {key_of(each) for each in theirs["votesAddresses"]}
        voters = sum(votes["votesAddressesWeights"].values())
        assert tally.rounds[number].voters_stake == voters, f"voters of round {number}"
    accused = {key_of(vote["srcAddress"]) for votes in book["evidence"] for vote in votes}
    assert {key for key, _, _ in tally.equivocators} == accused


def validator_set(weights: dict[str, int]) -> ValidatorSet:
    """The validators of a model."""
    return ValidatorSet(Validator(key_of(address), stake) for address, stake in weights.items())


def vote_of(vote: Any, valid_round: int = -1) -> Vote:
    """Our vote for a model's."""
    return Vote(
        KINDS[vote["voteType"][0]],
        vote["height"],
        vote["round"],
        optional_id(vote["height"], vote["valueId"]),
        valid_round,
        key_of(vote["srcAddress"]),
        UNSIGNED,
    )


def _threshold(tally: Tally, vote: Vote, current_round: int) -> tuple[str, Any]:
    prevote = vote.kind is VoteKind.PREVOTE
    ahead = tally.highest_skip(current_round)
    votes = tally.rounds[vote.round]
    if vote.round > current_round and tally.validators.has_honest(votes.voters_stake):
        assert ahead is not None
        assert ahead >= vote.round
        return "SkipVKOutput", vote.round
    if tally.has_quorum(vote.kind, vote.round, vote.block_id):
        if vote.block_id is None:
            return ("PolkaNilVKOutput" if prevote else "PrecommitAnyVKOutput"), vote.round
        word = optional_word(vote.block_id)[1]
        name = "PolkaValueVKOutput" if prevote else "PrecommitValueVKOutput"
        return name, (vote.round, word)
    if tally.has_any_quorum(vote.kind, vote.round):
        return ("PolkaAnyVKOutput" if prevote else "PrecommitAnyVKOutput"), vote.round
    return "NoVKOutput", ()
