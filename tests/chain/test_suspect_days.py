"""What is counted as made in a zone's day, where readings are suspect."""

from gtxnode.chain.activity import day_number, put_activity, zone_day
from gtxnode.ledger.bodies import JudgeHeld
from gtxnode.ledger.coins import HeldEnergy
from gtxnode.ledger.outcome import BlockOutcome
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone
from storage.kv import WriteBatch
from storage.memory import MemoryStore
from tests.ledger.little_chain import HOUR_S, KWH, LittleChain, address, signed


def test_what_is_made_in_a_day_is_what_was_minted() -> None:
    chain, store = LittleChain("somchai", "malee", watchful=True), MemoryStore()

    def taken(outcome: BlockOutcome) -> int:
        """What the zone made on the first day, after a block."""
        write = WriteBatch()
        put_activity(write, store, chain.height, chain.now_s * 1_000, outcome)
        store.write(write, sync=False)
        return dict(zone_day(store, Zone.BANGKOK, day).made_wh).get(Source.SOLAR, 0)

    chain.block(after_s=HOUR_S)
    day = day_number(chain.now_s)
    # One is within 5,000 kWh and a tolerance, the other is over it.
    readings = [chain.reading("somchai", 4_000 * KWH), chain.reading("malee", 6_000 * KWH)]
    assert taken(chain.accepted(*readings)) == 4_000 * KWH == chain.supply().minted_wh

    ((coin_id, _),) = chain.coins("malee", HeldEnergy)
    released = chain.accepted(signed(JudgeHeld((coin_id,), True), "MEA"))
    assert taken(released) == 10_000 * KWH == chain.supply().minted_wh
    assert chain.energy("malee") == 6_000 * KWH
    assert address("malee") in {each.owner for each in released.suspects}
