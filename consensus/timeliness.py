"""Whether a proposal came at its time: proposer-based timestamps.

A block's time is its proposer's clock. A correct validator prevotes a fresh proposal only if by its
own clock that came no longer after the block's time than a message may take, and not long before.
So while less than a third is faulty, some correct validator's clock vouches for the time of every
final block, both ways. What an earlier round's polka vouches for is proposed again at any time, and
whether a block is *valid* has nothing to do with clocks: validators may differ on timeliness.

Source: proposer-based timestamps, in the specification of CometBFT; PRECISION is here
`PRECISION_MS`, and MSGDELAY the timeout that the round gives its proposer, which grows with rounds.
"""

PRECISION_MS = 500
"""Clocks of correct validators are taken to differ by no more."""
MAX_WAIT_MS = 10_000
"""How far ahead of our clock a block's time is waited for, before it is prevoted."""


def is_timely(block_ms: int, heard_ms: int, delay_ms: int) -> bool:
    """Whether a fresh proposal of a block of this time, heard of at `heard_ms`, may be prevoted."""
    return heard_ms - delay_ms - PRECISION_MS <= block_ms <= heard_ms + MAX_WAIT_MS


def wait_ms(block_ms: int, now_ms: int) -> int:
    """How long to wait until a block's time is near enough for its judgement.

    Not at all where it is too far ahead: its proposal is not timely, so nothing but two thirds of
    the others can make it count, and then our clock is the one that is wrong.
    """
    ahead_ms = block_ms - now_ms
    return max(0, ahead_ms - PRECISION_MS) if ahead_ms <= MAX_WAIT_MS else 0
