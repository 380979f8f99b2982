"""The names of the Quint models, and what they stand for here.

Values and addresses are words in the models. A value becomes a block (its payload is the
word), an address a 33-byte key. The models' outputs are turned round: our outputs are put
into the models' words, so that the two sides can be compared as they stand in the trace.
"""

from functools import cache
from typing import Any

from consensus.merkle import EMPTY_ROOT
from consensus.round import (
    CastVote,
    CommitValue,
    Decide,
    FreshProposal,
    GetValue,
    InvalidProposal,
    NewRound,
    PolkaAny,
    PolkaedProposal,
    PolkaNil,
    PolkaValue,
    PrecommitAny,
    Propose,
    ProposeValue,
    RoundInput,
    RoundOutput,
    RoundSkip,
    RoundState,
    Schedule,
    StartRound,
    Step,
    TimedOut,
    TimeoutKind,
)
from consensus.types import Block, Header, VoteKind, block_id, payload_root

CHAIN = "model"
ZEROS = bytes(32)

STEPS = {
    "NoStep": Step.UNSTARTED,
    "UnstartedStep": Step.UNSTARTED,
    "ProposeStep": Step.PROPOSE,
    "PrevoteStep": Step.PREVOTE,
    "PrecommitStep": Step.PRECOMMIT,
    "CommitStep": Step.COMMIT,
}
TIMEOUTS = {
    "ProposeTimeout": TimeoutKind.PROPOSE,
    "PrevoteTimeout": TimeoutKind.PREVOTE,
    "PrecommitTimeout": TimeoutKind.PRECOMMIT,
}
KINDS = {"Prevote": VoteKind.PREVOTE, "Precommit": VoteKind.PRECOMMIT}
UNIT: tuple[()] = ()

_words: dict[bytes, str] = {}


@cache
def key_of(address: str) -> bytes:
    """The public key that stands for an address."""
    return b"\x02" + address.encode().rjust(32, b"\x00")


def address_of(key: bytes) -> str:
    """The address that a key stands for."""
    return key[1:].lstrip(b"\x00").decode()


@cache
def block_of(height: int, word: str) -> Block:
    """The block that stands for a value at a height."""
    payload = (word.encode(),)
    header = Header(
        version=1,
        chain_id=CHAIN,
        height=height,
        time_ms=0,
        parent_id=ZEROS,
        last_commit_root=EMPTY_ROOT,
        payload_root=payload_root(payload),
        app_root=ZEROS,
        validators_root=ZEROS,
        next_validators_root=ZEROS,
        proposer=key_of("nobody"),
    )
    return Block(header, payload, None)


@cache
def id_of(height: int, word: str) -> bytes:
    """The id of a value's block."""
    found = block_id(block_of(height, word).header)
    _words[found] = word
    return found


def optional_id(height: int, value: tuple[str, Any]) -> bytes | None:
    """The id of `Val(word)`, None of `Nil`."""
    return None if value[0] == "Nil" else id_of(height, value[1])


def word_of(value: bytes) -> str:
    """The value that an id stands for."""
    return _words[value]


def optional_word(value: bytes | None) -> tuple[str, Any]:
    """`Val(word)` or `Nil`."""
    return ("Nil", UNIT) if value is None else ("Val", word_of(value))


def is_valid(word: str) -> bool:
    """The models' notion of validity."""
    return word != "invalid"


def round_state(cs: Any) -> RoundState:
    """Our round state for a model's `ConsensusState`."""
    height = cs["height"]
    return RoundState(
        cs["round"],
        STEPS[cs["step"][0]],
        optional_id(height, cs["lockedValue"]),
        cs["lockedRound"],
        optional_id(height, cs["validValue"]),
        cs["validRound"],
    )


def round_input(height: int, event: tuple[str, Any]) -> RoundInput:
    """Our input of the round for a model's `ConsensusInput`. KeyError: not one of the models'."""
    tag, value = event
    match tag:
        case "NewRoundCInput" | "NewRoundProposerCInput":
            return NewRound(value, tag == "NewRoundProposerCInput")
        case "ProposeValueCInput":
            return ProposeValue(id_of(height, value))
        case "ProposalCInput":
            return FreshProposal(_some_id(height, value[1]), valid=True)
        case "ProposalAndPolkaPreviousAndValidCInput":
            proposed, valid_round = value
            return PolkaedProposal(_some_id(height, proposed), valid_round)
        case "ProposalInvalidCInput" | "ProposalAndPolkaAndInvalidCInput":
            return InvalidProposal()
        case "PolkaAnyCInput":
            return PolkaAny()
        case "PolkaNilCInput":
            return PolkaNil()
        case "ProposalAndPolkaAndValidCInput":
            return PolkaValue(_some_id(height, value))
        case "PrecommitAnyCInput":
            return PrecommitAny()
        case "ProposalAndCommitAndValidCInput":
            return CommitValue(value[0], _some_id(height, value[1]))
        case "RoundSkipCInput":
            return RoundSkip(value)
        case "TimeoutProposeCInput":
            return TimedOut(TimeoutKind.PROPOSE, value[1])
        case "TimeoutPrevoteCInput":
            return TimedOut(TimeoutKind.PREVOTE, value[1])
        case "TimeoutPrecommitCInput":
            return TimedOut(TimeoutKind.PRECOMMIT, value[1])
    raise KeyError(f"unknown consensus input {tag}")


def model_outputs(
    address: str, height: int, outputs: tuple[RoundOutput, ...]
) -> list[tuple[str, Any]]:
    """Our outputs in the models' words."""
    timers = [each for each in outputs if isinstance(each, Schedule)]
    others = [each for each in outputs if not isinstance(each, Schedule)]
    match timers, others:
        # The model's environment starts the proposer's timer with its proposal.
        case [Schedule(TimeoutKind.PROPOSE)], [Propose() as proposal]:
            return [_model_output(address, height, proposal)]
        case [Schedule(TimeoutKind.PROPOSE, number)], [GetValue()]:
            value = (height, number, ("ProposeTimeout", UNIT))
            return [("GetValueAndScheduleTimeoutOutput", value)]
    return [_model_output(address, height, each) for each in outputs]


def vote_output(
    address: str, height: int, kind: VoteKind, round_: int, value: bytes | None
) -> tuple[str, Any]:
    """A cast vote in the models' words."""
    return "VoteOutput", {
        "height": height,
        "round": round_,
        "srcAddress": address,
        "valueId": optional_word(value),
        "voteType": ("Prevote" if kind is VoteKind.PREVOTE else "Precommit", UNIT),
    }


def proposal_output(
    address: str, height: int, round_: int, value: bytes, valid_round: int
) -> tuple[str, Any]:
    """A proposal in the models' words."""
    return "ProposalOutput", {
        "height": height,
        "proposal": word_of(value),
        "round": round_,
        "srcAddress": address,
        "validRound": valid_round,
    }


def timeout_output(kind: TimeoutKind, round_: int) -> tuple[str, Any]:
    """A started timer in the models' words."""
    name = next(name for name, each in TIMEOUTS.items() if each is kind)
    return "TimeoutOutput", (round_, (name, UNIT))


def plain(output: tuple[str, Any]) -> tuple[str, Any]:
    """An output of a trace, its records as dicts."""
    tag, value = output
    return tag, dict(value) if hasattr(value, "items") else value


def _some_id(height: int, value: Any) -> bytes:
    """The id of a word, or of `Val(word)`: the models use both."""
    word = value[1] if isinstance(value, tuple) else value
    return id_of(height, word)


def _model_output(address: str, height: int, output: RoundOutput) -> tuple[str, Any]:
    match output:
        case Schedule(kind, number):
            return timeout_output(kind, number)
        case GetValue(number):
            raise AssertionError(f"GetValue({number}) comes with the proposer's timer")
        case Propose(number, value, valid_round):
            return proposal_output(address, height, number, value, valid_round)
        case CastVote(kind, number, choice):
            return vote_output(address, height, kind, number, choice)
        case Decide(number, value):
            return "DecidedOutput", (number, word_of(value))
        case StartRound(number):
            return "SkipRoundOutput", number
