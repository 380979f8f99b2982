"""From what is due to what is done: runs the round machine until nothing is due.

Each output of the round becomes effects, and changes what the driver remembers of it.
"""

from dataclasses import replace

from consensus import round as rounds
from consensus import state as states
from consensus.events import (
    BuildValue,
    Decided,
    Effect,
    Overruled,
    SetTimeout,
    Sign,
    StartHeight,
    Timeout,
)
from consensus.round import (
    CastVote,
    Decide,
    GetValue,
    NewRound,
    Propose,
    RoundInput,
    RoundOutput,
    RoundState,
    Schedule,
    StartRound,
    TimeoutKind,
)
from consensus.rules import next_input, overruled
from consensus.state import DriverState
from consensus.tally import Tally
from consensus.types import UNSIGNED, Proposal, Vote

Result = tuple[DriverState, tuple[Effect, ...]]


def enter_height(me: bytes | None, start: StartHeight) -> Result:
    """A fresh state in round 0. A key that is not in the set follows without voting."""
    voter = me if me is not None and me in start.validators else None
    state = DriverState(voter, start, RoundState(), Tally(start.validators))
    return advance(state, (), _new_round(state, 0))


def advance(
    state: DriverState, effects: tuple[Effect, ...], event: RoundInput | None = None
) -> Result:
    """Apply an input to the round, if there is one, and then all that is due."""
    done = list(effects)
    entered = False
    while event := event or next_input(state, entered=entered):
        before = state.round_state
        machine, outputs = rounds.apply(before, event)
        state = replace(state, round_state=machine)
        if machine.round != before.round:
            state = states.entering(state)
            done.append(_timer(state, TimeoutKind.REBROADCAST))
        entered = entered or machine.step is not before.step
        event = None
        for output in outputs:
            if isinstance(output, StartRound):
                event = _new_round(state, output.round)
            else:
                state, effect = _perform(state, output)
                done.extend(effect)
    against = None if state.overruled else overruled(state)
    if against is not None:
        notice = Overruled(against[1], states.find_commit(state, *against))
        state = replace(state, overruled=notice)
        done.append(notice)
    return state, tuple(done)


def _perform(state: DriverState, output: RoundOutput) -> Result:
    match output:
        case Schedule(kind):
            return replace(state, timers=state.timers | {kind}), (_timer(state, kind),)
        case GetValue(number):
            return replace(state, building=True), (BuildValue(state.height, number),)
        case Propose(number, value, valid_round):
            assert state.me is not None, "only a validator is a proposer"
            return _request(
                state, Proposal(state.height, number, valid_round, value, state.me, UNSIGNED)
            )
        case CastVote(kind, number, choice, valid_round):
            if state.me is None:
                return state, ()
            return _request(
                state,
                Vote(kind, state.height, number, choice, valid_round, state.me, UNSIGNED),
            )
        case Decide(number, value):
            block = states.find_block(state, value)
            assert block is not None, "a decided block was judged, so it is held"
            decided = Decided(block, states.find_commit(state, number, value))
            return replace(state, decided=decided), (decided,)
        case StartRound():
            raise AssertionError("starts a round, performed by the caller")


def _request(state: DriverState, unsigned: Vote | Proposal) -> Result:
    return replace(state, to_sign=(*state.to_sign, unsigned)), (Sign(unsigned),)


def _new_round(state: DriverState, number: int) -> NewRound:
    mine = state.me is not None and state.me == state.start.proposers.proposer(state.height, number)
    return NewRound(number, mine)


def _timer(state: DriverState, kind: TimeoutKind) -> SetTimeout:
    return SetTimeout(Timeout(kind, state.height, state.round))
