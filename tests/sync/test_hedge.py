"""Several peers are asked one after another, and a slow one is not waited for alone."""

import trio
from trio.testing import MockClock

from gtxnode.sync.hedge import MAX_ASKED, ask_in_turn
from p2p.identity import PeerId

PATIENCE_S = 1.0


class Peers:
    """Peers that answer after a time, or fail after one; whom was asked, and who was cut short."""

    def __init__(self, **answers: tuple[float, str | None]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.ended: list[str] = []

    async def ask(self, peer: PeerId) -> str | None:
        self.asked.append(peer)
        seconds, answer = self.answers[peer]
        await trio.sleep(seconds)
        self.ended.append(peer)
        return answer

    async def in_turn(self) -> str | None:
        return await ask_in_turn(map(PeerId, self.answers), self.ask, patience_s=PATIENCE_S)


async def test_one_that_answers_is_enough(autojump_clock: MockClock) -> None:
    peers = Peers(one=(0.5, "1"), two=(0.1, "2"))
    assert await peers.in_turn() == "1"
    assert peers.asked == ["one"]


async def test_the_next_is_asked_as_soon_as_one_fails(autojump_clock: MockClock) -> None:
    peers = Peers(one=(0.1, None), two=(0.1, None), three=(0.1, "3"))
    assert await peers.in_turn() == "3"
    assert round(trio.current_time(), 3) == 0.3


async def test_one_that_is_asleep_costs_the_patience_and_is_cut_short(
    autojump_clock: MockClock,
) -> None:
    peers = Peers(asleep=(60, "late"), two=(0.1, "2"))
    assert await peers.in_turn() == "2"
    assert round(trio.current_time(), 3) == PATIENCE_S + 0.1
    assert peers.ended == ["two"]


async def test_a_slow_one_may_still_be_first(autojump_clock: MockClock) -> None:
    peers = Peers(slow=(1.5, "slow"), slower=(5, "slower"))
    assert await peers.in_turn() == "slow"
    assert peers.asked == ["slow", "slower"]


async def test_nobody_has_it_and_not_everybody_is_asked(autojump_clock: MockClock) -> None:
    many: dict[str, tuple[float, str | None]] = {
        str(number): (0.1, None) for number in range(2 * MAX_ASKED)
    }
    peers = Peers(**many)
    assert await peers.in_turn() is None
    assert len(peers.asked) == MAX_ASKED
    assert await Peers().in_turn() is None
