"""Where energy comes into being: what a meter exported is credited here, and nowhere else.

A reading that nothing speaks against is credited when it is taken, a suspect one when the meter's
utility releases it (suspects.py). Each is credited once: a reading moves its meter on, and what is
held is spent by its release.
"""

from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.coins import Energy, output_id


def credit(state: BlockState, reading: bytes, energy: Energy) -> None:
    """Mint what a meter exported in an interval (`energy.origin`) to the meter's owner.

    `reading` is the id of the reading's transaction; the energy is its output.
    """
    state.coins.make(output_id(reading, 0), energy)
    state.minted_wh += energy.amount_wh
