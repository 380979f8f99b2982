"""Deliberate bugs, each an edit of the library's text, and what has to catch it.

Catchers: the *rounds* table (`tests/consensus/test_round.py`), the *traces* of public models
(`tests/vectors`), the *simulation*, and the *exhaustive* search (`exhaustive.py`).
"""

from dataclasses import dataclass
from pathlib import Path

CATCHERS = ("rounds", "traces", "simulation", "exhaustive")


@dataclass(frozen=True)
class Mutant:
    """`edits`: (file under consensus/, text that stands there once, text in its place)."""

    name: str
    caught_by: frozenset[str]
    edits: tuple[tuple[str, str, str], ...]

    def apply(self, library: Path) -> None:
        """Edit a copy of the library. AssertionError where the text no longer stands there."""
        for file, old, new in self.edits:
            text = (library / file).read_text()
            assert text.count(old) == 1, f"{self.name}: {file} has {text.count(old)} of {old!r}"
            (library / file).write_text(text.replace(old, new))


def _mutant(name: str, caught_by: str, *edits: tuple[str, str, str]) -> Mutant:
    return Mutant(name, frozenset(caught_by.split()), edits)


MUTANTS = (
    _mutant(
        "a precommit does not lock",
        "rounds traces simulation exhaustive",
        (
            "round.py",
            "return RoundState(number, state.step, value, number, value, number)",
            "return replace(state, valid_value=value, valid_round=number)",
        ),
    ),
    _mutant(
        "exactly two thirds are enough",
        "simulation",
        (
            "validators.py",
            "return 3 * stake > 2 * self.total_stake",
            "return 3 * stake >= 2 * self.total_stake",
        ),
    ),
    _mutant(
        "anybody pulls us into a later round",
        "traces simulation",
        ("validators.py", "return 3 * stake > self.total_stake", "return stake > 0"),
    ),
    _mutant(
        "a polka of any round locks",
        "traces simulation",
        (
            "rules.py",
            "tally.has_quorum(VoteKind.PREVOTE, state.round, value)",
            "tally.validators and any((VoteKind.PREVOTE, each, value) in state.tally.quorums"
            " for each in state.tally.rounds)",
        ),
    ),
    _mutant(
        "own messages leave before they are journaled",
        "simulation",
        (
            "driver.py",
            "own=(*counted.own, message)), (persist, Send(message)))",
            "own=(*counted.own, message)), (Send(message), persist))",
        ),
        (
            "driver.py",
            "(Persist(encode_record(ProposalRecord(message, own=True))), Send(message))",
            "(Send(message), Persist(encode_record(ProposalRecord(message, own=True))))",
        ),
    ),
    _mutant(
        "fired timeouts are not journaled",
        "simulation",
        (
            "driver.py",
            "advance(state, (Persist(encode_record(record)),), event)",
            "advance(state, (), event)",
        ),
    ),
    _mutant(
        "a re-proposal is believed without its polka",
        "traces simulation",
        (
            "rules.py",
            "if state.tally.has_quorum(VoteKind.PREVOTE, proposal.valid_round, proposal.block_id):",
            "if proposal.valid_round >= 0:",
        ),
    ),
    _mutant(
        "any re-proposal unlocks",
        "rounds traces simulation",
        (
            "round.py",
            "free = state.locked_round <= valid_round or state.locked_value == value",
            "free = True",
        ),
    ),
    _mutant(
        "a vote counts once per signature",
        "simulation",
        (
            "driver.py",
            "    if counted is not None:\n        return _take_second",
            "    if counted is not None and counted.signature == vote.signature:\n"
            "        return _take_second",
        ),
        (
            "tally.py",
            '    assert tally.find(vote) is None, "one vote per validator, round and kind"\n',
            "",
        ),
    ),
    _mutant(
        "no judgement yet is taken for yes",
        "traces simulation",
        (
            "rules.py",
            "None if proposal is None else state.judged.get(proposal.block_id)",
            "None if proposal is None else state.judged.get(proposal.block_id, True)",
        ),
        (
            "rules.py",
            "value is not None and state.judged.get(value)\n",
            "value is not None and state.judged.get(value, True)\n",
        ),
        (
            "rules.py",
            "if state.judged.get(value) and state",
            "if state.judged.get(value, True) and state",
        ),
    ),
    _mutant(
        "a prevote does not say which polka it went by",
        "rounds simulation",
        (
            "round.py",
            "vote = CastVote(VoteKind.PREVOTE, state.round, value, reason)",
            "vote = CastVote(VoteKind.PREVOTE, state.round, value, NO_ROUND)",
        ),
    ),
    _mutant(
        "only commits of the current round are seen",
        "simulation",
        (
            "rules.py",
            "value is not None and state.judged.get(value)\n",
            "value is not None and state.judged.get(value) and round_ == state.round\n",
        ),
    ),
    _mutant(
        "a late polka's value is not remembered",
        "rounds",
        (
            "round.py",
            "return replace(state, valid_value=value, valid_round=state.round), ()",
            "return replace(state, valid_round=state.round), ()",
        ),
    ),
    _mutant(
        "the prevote timer fires after the precommit too",
        "rounds simulation exhaustive",
        (
            "round.py",
            "case Step.PREVOTE, TimedOut(TimeoutKind.PREVOTE, state.round):",
            "case Step.PREVOTE | Step.PRECOMMIT, TimedOut(TimeoutKind.PREVOTE, state.round):",
        ),
    ),
    _mutant(
        "a re-proposal comes without its polka",
        "simulation",
        (
            "driver.py",
            "        polka = states.find_polka(state, proposal.valid_round, proposal.block_id)\n",
            "        polka = None\n",
        ),
    ),
    _mutant(
        "nothing is said twice",
        "simulation",
        (
            "driver.py",
            "return state, (*(Send(each) for each in state.own), SetTimeout(timeout))",
            "return state, (SetTimeout(timeout),)",
        ),
    ),
    _mutant(
        "after a crash the lock is forgotten",
        "simulation",
        (
            "recovery.py",
            "    return state, (*found, *_resume(state))",
            "    forgotten = replace(state.round_state, locked_value=None, locked_round=-1)\n"
            "    state = replace(state, round_state=forgotten)\n"
            "    return state, (*found, *_resume(state))",
        ),
        (
            "recovery.py",
            "from consensus.driver import start_height, step\n",
            "from dataclasses import replace\nfrom consensus.driver import start_height, step\n",
        ),
    ),
    _mutant(
        "a height's rounds are drawn with replacement",
        "simulation",
        (
            "proposers.py",
            "return self._keys[self._order(height)[round % len(self._keys)]]",
            "return self._keys[self._draw.index(height, round)]",
        ),
    ),
    _mutant(
        "who rests never proposes",
        "simulation",
        (
            "sampling.py",
            "                bounds = list(range(1, len(left) + 1))\n",
            "                break\n",
        ),
        (
            "proposers.py",
            "return self._keys[self._order(height)[round % len(self._keys)]]",
            "return self._keys[self._order(height)[round % len(self._order(height))]]",
        ),
    ),
    _mutant(
        "a late precommit counts again",
        "simulation",
        (
            "presence.py",
            "    if vote.validator not in place.missing:\n",
            "    if not place.missing:\n",
        ),
    ),
    _mutant(
        "a height is settled a block early",
        "simulation",
        (
            "presence.py",
            "max(0, len(heights) - late_heights)",
            "max(0, len(heights) - late_heights + 1)",
        ),
    ),
    _mutant(
        "precommits of other rounds than the commit's are dropped",
        "simulation",
        (
            "state.py",
            "    for number in sorted(state.tally.rounds):\n",
            "    for number in state.decided and (state.decided.commit.round,) or ():\n",
        ),
    ),
    _mutant(
        "a polka's certificate is taken vote by vote",
        "traces simulation",
        (
            "tally.py",
            "    return replace(tally, quorums=tally.quorums | {quorum})\n",
            "    return tally\n",
        ),
    ),
)
