"""Where energy comes into being: what a meter exported is credited here, and nowhere else.

A reading that nothing speaks against is credited when it is taken, a suspect one when the meter's
utility releases it (suspects.py). Each is credited once: a reading moves its meter on, and what is
held is spent by its release.
"""

from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.coins import Energy, Origin, output_id
from gtxnode.ledger.delivery.settlement import settle_reading


def credit(
    state: BlockState, reading: bytes, owner: bytes, exported_wh: int, origin: Origin
) -> None:
    """Mint what a meter exported in an interval, be it nothing; the interval counts from now on.

    What was sold ahead is the buyers' from the first, the rest is the meter's owner's. `reading` is
    the id of the reading's transaction; the energy is its output.
    """
    left_wh = settle_reading(state, reading, owner, origin, exported_wh)
    if left_wh:
        state.coins.make(output_id(reading, 0), Energy(owner, left_wh, origin))
    state.minted_wh += exported_wh
