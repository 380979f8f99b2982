"""Replays traces of several processes through one driver each, and their rounds beside it.

Each state's `_hist` names the process that took a step, its driver's input and the output
it had to give. The models do one thing per step and queue the rest (`pendingInputs`,
`pendingStepChange`); our driver does all that is due at once. So our outputs wait in a
queue: each output of the trace must be its head, and it must be empty whenever the model
has nothing queued either.

Where a model departs from the paper, the driver cannot follow it. Each such gap is a named
function at the end of this module, asked only when the two sides differ, and it looks for
its very conditions in the trace; the process is then followed without comparing until the
model enters its next round. Nothing else is forgiven.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from consensus.driver import DriverState, start_height, step
from consensus.errors import PeerError, Refusal
from consensus.events import (
    BlockJudged,
    BuildValue,
    Decided,
    Effect,
    Input,
    JudgeBlock,
    PolkaReceived,
    ProposalReceived,
    ProposalSigned,
    SetTimeout,
    Sign,
    StartHeight,
    Timeout,
    TimeoutFired,
    ValueBuilt,
    VerifiedPolka,
    VerifiedProposal,
    VerifiedVote,
    VoteReceived,
    VoteSigned,
)
from consensus.messages import polka_from_votes
from consensus.round import Step, TimeoutKind, apply
from consensus.types import UNSIGNED, Proposal, Vote, VoteKind, block_id
from tests.vectors.itf import Record
from tests.vectors.model import (
    TIMEOUTS,
    UNIT,
    block_of,
    id_of,
    is_valid,
    key_of,
    model_outputs,
    plain,
    proposal_output,
    round_input,
    round_state,
    timeout_output,
    vote_output,
    word_of,
)
from tests.vectors.replay_layers import SILENT, validator_set, vote_of

Output = tuple[str, Any]
QUEUES = (
    "incomingVotes",
    "incomingProposals",
    "incomingCertificates",
    "incomingSyncProposals",
    "incomingSyncCertificates",
    "timeouts",
    "getValueRequests",
)
DUPLICATES = (Refusal.DUPLICATE, Refusal.STALE_ROUND)
"""The models count what they have counted before without a word."""


class RotatingSchedule:
    """The models' choice of proposers: by address, starting with the second."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = sorted(addresses)

    def proposer(self, height: int, round: int) -> bytes:
        """The key of the round's proposer."""
        return key_of(self._addresses[(round + 1) % len(self._addresses)])


def replay_driver(states: Sequence[Record]) -> int:
    """Every step of every process of every model instance in the trace.

    Returns how many inputs were compared.
    """
    prefixes = sorted(name.removesuffix("system") for name in states[0] if name.endswith("system"))
    return sum(_replay_instance(states, prefix) for prefix in prefixes)


def _replay_instance(states: Sequence[Record], prefix: str) -> int:
    processes = {address: Process(address) for address in states[0][f"{prefix}system"]}
    compared = 0
    for place, (before, after) in enumerate(pairwise(states), start=1):
        history = after[f"{prefix}_hist"]
        address, event = history["validator"], history["input"]
        if address not in processes or event[0] == "NoDInput":
            continue
        node, moved = before[f"{prefix}system"][address], after[f"{prefix}system"][address]
        if not took_step(node, moved):
            assert history == before[f"{prefix}_hist"], f"state {place}: a step without a trace"
            continue
        try:
            processes[address].replay(node, moved, event, plain(history["output"]))
        except AssertionError as error:
            raise AssertionError(f"state {place}, {address}, {event}: {error}") from error
        compared += 1
    return compared


def took_step(before: Any, after: Any) -> bool:
    """Whether a process itself took a step, other than being sent something or reset."""
    if not after["es"]["started"]:
        return False
    shrank = any(before.get(name, frozenset()) - after.get(name, frozenset()) for name in QUEUES)
    return shrank or before["es"] != after["es"]


class Process:
    """One process of a model, and our driver in its place."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.driver: DriverState | None = None
        self.queue: deque[Output] = deque()
        self.timers: set[tuple[int, TimeoutKind]] = set()
        self.departed = False

    def replay(self, before: Any, after: Any, event: Output, expected: Output) -> None:
        """One step: the round machine on the model's inputs, then the driver."""
        if not before["es"]["started"]:
            self.departed = False
        replay_rounds(self.address, before["es"], after["es"])
        if before["es"]["started"]:
            assert self.driver is not None, "a step before the start"
            if self.driver.decided is not None:
                return  # For us the height is over; the model waits for its environment.
            for each in self.inputs(event, before):
                self.feed(each)
        if self.departed:
            self.follow(after)
            return
        try:
            if before["es"]["started"]:
                self.compare(expected)
            else:
                self.start(before, after, event, expected)
            if after["es"]["cs"]["round"] >= 0:
                self.check_settled(after)
        except AssertionError:
            if not any(gap(self.address, before, after, event) for gap in GAPS):
                raise
            self.departed = True
            self.follow(after)

    def start(self, before: Any, after: Any, event: Output, expected: Output) -> None:
        """A height begins. What had arrived for it is counted first, in one step."""
        es = after["es"]
        schedule = RotatingSchedule(list(es["valset"]))
        height = es["cs"]["height"]
        start = StartHeight(height, validator_set(es["valset"]), schedule)
        self.queue.clear()
        self.timers.clear()
        self.departed = False
        self.driver, effects = start_height(key_of(self.address), start)
        self.put(effects)
        if event[0] == "StartDInput":
            self.compare(expected)
        for vote in preloaded(before, height):
            self.feed(VoteReceived(VerifiedVote(vote_of(vote))))
        for certificate in preloaded_certificates(before, height):
            for each in certificate_inputs(certificate):
                self.feed(each)
        if event[0] == "PendingDInput":
            # The model goes straight to the round that the votes lead to; ours comes to the
            # same place by way of round 0.
            if expected[0] in SILENT:
                # It has votes that commit, but drops the decision, since it stands in no round
                # yet, and waits there for the proposal.
                self.queue.clear()
                return
            assert expected in self.queue, f"ours {list(self.queue)}, the trace's {expected}"
            while self.queue.popleft() != expected:
                pass

    def inputs(self, event: Output, before: Any) -> Iterator[Input]:
        """Our inputs for a `DriverInput`."""
        tag, value = event
        assert self.driver is not None
        height = self.driver.height
        match tag:
            case "ProposalDInput":
                yield from self.proposal_inputs(value)
            case "VoteDInput":
                yield self.vote_input(value)
            case "CertificateDInput":
                yield from certificate_inputs(value)
            case "TimeoutDInput":
                yield TimeoutFired(Timeout(TIMEOUTS[value[0]], height, before["es"]["cs"]["round"]))
            case "ProposeValueDInput":
                yield ValueBuilt(height, self.driver.round, block_of(height, value))
            case "StepChangeDInput" | "PendingDInput" | "NoDInput":
                return  # What is due then was done when it became due.
            case _:
                raise AssertionError(f"unknown driver input {tag}")

    def vote_input(self, vote: Any) -> Input:
        """A vote; our own comes back as the answer of our signer."""
        ours = vote_of(vote)
        assert self.driver is not None
        for asked in self.driver.to_sign:
            if isinstance(asked, Vote) and replace_reason(asked) == ours:
                return VoteSigned(asked)
        return VoteReceived(VerifiedVote(ours))

    def proposal_inputs(self, proposal: Any) -> Iterator[Input]:
        """A proposal; our own comes back as the answer of our signer."""
        assert self.driver is not None
        height, word = proposal["height"], proposal["proposal"]
        sender = key_of(proposal["srcAddress"])
        ours = Proposal(
            height,
            proposal["round"],
            proposal["validRound"],
            id_of(height, word),
            sender,
            UNSIGNED,
        )
        schedule = self.driver.start.proposers
        if sender != schedule.proposer(height, ours.round):
            return  # `verify.verify_proposal` refuses it, as the model's driver does.
        if ours in self.driver.to_sign and ours.round == self.driver.round:
            yield ProposalSigned(ours)
        else:
            yield ProposalReceived(VerifiedProposal(ours, block_of(height, word), None))

    def feed(self, event: Input) -> None:
        """Let the driver take an input, and judge blocks for it at once."""
        assert self.driver is not None
        try:
            self.driver, effects = step(self.driver, event)
        except PeerError as error:
            if error.reason not in DUPLICATES:
                raise AssertionError(f"{event} was refused: {error}") from error
            return
        self.put(effects)

    def put(self, effects: Sequence[Effect]) -> None:
        """Queue what the driver does, in the model's words."""
        assert self.driver is not None
        height = self.driver.height
        builds = any(isinstance(each, BuildValue) for each in effects)
        proposes = any(
            isinstance(each, Sign) and isinstance(each.unsigned, Proposal) for each in effects
        )
        for effect in effects:
            match effect:
                case SetTimeout(Timeout(TimeoutKind.REBROADCAST)):
                    pass  # Not in the paper.
                case SetTimeout(Timeout(TimeoutKind.PROPOSE, _, number)) if builds or proposes:
                    self.timers.add((number, TimeoutKind.PROPOSE))
                case SetTimeout(Timeout(kind, _, number)):
                    self.queue.append(timeout_output(kind, number))
                case BuildValue(_, number):
                    value = (height, number, ("ProposeTimeout", UNIT))
                    self.queue.append(("GetValueAndScheduleTimeoutOutput", value))
                case Sign(Vote() as vote):
                    self.queue.append(
                        vote_output(self.address, height, vote.kind, vote.round, vote.block_id)
                    )
                case Sign(Proposal() as proposal):
                    self.queue.append(
                        proposal_output(
                            self.address,
                            height,
                            proposal.round,
                            proposal.block_id,
                            proposal.valid_round,
                        )
                    )
                case Decided(block, commit):
                    word = word_of(block_id(block.header))
                    self.queue.append(("DecidedOutput", (commit.round, word)))
                case JudgeBlock(judged, block):
                    self.feed(BlockJudged(judged, is_valid(block.payload[0].decode())))

    def compare(self, expected: Output) -> None:
        """The trace's output must be the head of our queue."""
        if expected[0] in SILENT:
            return
        if expected[0] == "TimeoutOutput":
            number, (name, _) = expected[1]
            if (number, TIMEOUTS[name]) in self.timers:
                return  # Started before: the model's timers are a set, and start once.
            self.timers.add((number, TIMEOUTS[name]))
        assert self.queue, f"ours nothing, the trace's {expected}"
        ours = self.queue.popleft()
        assert ours == expected, f"ours {ours}, the trace's {expected}"

    def check_settled(self, after: Any) -> None:
        """With nothing queued in the model, ours must have said all and stand where it does."""
        assert self.driver is not None
        es = after["es"]
        if es["pendingInputs"] or es["pendingStepChange"][0] != "NoStep":
            return
        assert not self.queue, f"ours alone: {list(self.queue)}"
        ours, theirs = self.driver.round_state, round_state(es["cs"])
        assert ours == theirs, f"ours {ours}, the trace's {theirs}"

    def follow(self, after: Any) -> None:
        """Stand where the model stands, and compare again from its next round."""
        assert self.driver is not None
        machine = round_state(after["es"]["cs"])
        if machine.step is not Step.COMMIT and machine.round > self.driver.round:
            self.departed = False
        timers = frozenset() if self.departed else frozenset({TimeoutKind.PROPOSE})
        self.driver = replace(
            self.driver,
            round_state=machine,
            to_sign=(),
            decided=None,
            timers=timers,
            building=not self.departed,
        )
        self.queue.clear()


def replay_rounds(address: str, before: Any, after: Any) -> None:
    """The inputs that the model's consensus took in this step, through our round alone."""
    if before["cs"]["height"] != after["cs"]["height"]:
        return
    old, new = before["executedInputs"], after["executedInputs"]
    assert new[: len(old)] == old, "the list of executed inputs only grows"
    machine = round_state(before["cs"])
    height = after["cs"]["height"]
    for event, _, _, _ in new[len(old) :]:
        if machine.step is Step.COMMIT:
            return  # After the decision the model still takes inputs.
        machine, outputs = apply(machine, round_input(height, event))
        model_outputs(address, height, outputs)
    assert machine == round_state(after["cs"]), f"the round alone: {machine}"


def preloaded(before: Any, height: int) -> list[Any]:
    """Votes that had arrived for a height before it began, lowest round first."""
    votes = [vote for vote in before["incomingVotes"] if vote["height"] == height]
    return sorted(votes, key=lambda vote: (vote["round"], vote["srcAddress"]))


def preloaded_certificates(before: Any, height: int) -> list[Any]:
    """Certificates that had arrived for a height before it began."""
    return [
        votes
        for votes in before["incomingCertificates"]
        if all(vote["height"] == height for vote in votes)
    ]


def certificate_inputs(votes: Any) -> Iterator[Input]:
    """A polka for a block goes in whole; others, whose block is not with them, vote by vote."""
    ours = sorted((vote_of(vote) for vote in votes), key=lambda vote: vote.validator)
    choices = {(vote.kind, vote.round, vote.block_id) for vote in ours}
    match list(choices):
        case [(VoteKind.PREVOTE, _, bytes())]:
            yield PolkaReceived(VerifiedPolka(polka_from_votes(ours)))
        case _:
            for vote in ours:
                yield VoteReceived(VerifiedVote(vote))


def replace_reason(vote: Vote) -> Vote:
    """The vote as the models have it, without a valid round."""
    return Vote(
        vote.kind, vote.height, vote.round, vote.block_id, -1, vote.validator, vote.signature
    )


def polka_before_prevote(address: str, before: Any, after: Any, event: Output) -> bool:
    """A proposal whose polka is there already: the model tries line 36 in the propose step,
    which fails, and never comes to line 22."""
    return any(
        each[0] == "ProposalAndPolkaAndValidCInput" and old_step[0] == "ProposeStep"
        for each, _, _, old_step in newly_executed(before, after)
    )


def only_the_proposal(address: str, before: Any, after: Any, event: Output) -> bool:
    """At a step change the model looks at the proposal if there is one, and then not at
    lines 34 and 44."""
    es = after["es"]
    return (
        event[0] == "StepChangeDInput"
        and es["cs"]["step"][0] == "PrevoteStep"
        and any(each["round"] == es["cs"]["round"] for each in es["proposals"])
    )


def wrong_proposer_after_skip(address: str, before: Any, after: Any, event: Output) -> bool:
    """Skipping rounds, the model asks who proposes in the round after the one it leaves; and
    joining a height in a later round, it never takes itself for the proposer."""
    schedule = RotatingSchedule(list(after["es"]["valset"]))
    height = after["es"]["cs"]["height"]
    return any(
        each[0] in ("NewRoundCInput", "NewRoundProposerCInput")
        and (schedule.proposer(height, each[1]) == key_of(address))
        is not (each[0] == "NewRoundProposerCInput")
        for each, _, _, _ in newly_executed(before, after)
    )


def newly_executed(before: Any, after: Any) -> Any:
    """The consensus inputs of this step: (input, height, round, step before)."""
    return after["es"]["executedInputs"][len(before["es"]["executedInputs"]) :]


GAPS = (polka_before_prevote, only_the_proposal, wrong_proposer_after_skip)
