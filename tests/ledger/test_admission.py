"""What sealing costs and earns: the target follows the batches, the pay follows the readings."""

import msgspec

from consensus.asert import target_ahead
from consensus.work import decode_target
from gtxnode.ledger.admission import easiest_target, work_rule
from gtxnode.ledger.block_state import Share
from gtxnode.ledger.bodies import Cancel
from gtxnode.ledger.coins import Admission, Cash, admission_coin_id
from gtxnode.ledger.parameters import AdmissionRules, ChainParameters
from gtxnode.primitives.errors import Reason
from tests.ledger.little_chain import CHAIN, HOUR_S, PARAMETERS, LittleChain, address, signed

RULES = AdmissionRules(batch_spacing_ms=100, halflife_ms=60_000, reading_reward_ugtx=100)
SLOW: ChainParameters = msgspec.structs.replace(PARAMETERS, admission=RULES)
FLOOD = tuple(Share(address("flooder"), 0, True) for _ in range(100))


def ahead_ms(chain: LittleChain) -> int:
    coin = chain.coin(admission_coin_id(CHAIN))
    return coin.ahead_ms if isinstance(coin, Admission) else 0


def test_what_is_normal_leaves_no_trace_and_asks_for_no_more() -> None:
    chain = LittleChain("alice", parameters=SLOW)
    before = dict(chain.store)
    for _ in range(3):
        chain.shares = FLOOD[:10]
        assert chain.block().energy_target == easiest_target(RULES)
    assert chain.store == before


def test_a_flood_asks_for_more_work_and_is_forgotten_in_time() -> None:
    chain = LittleChain("alice", parameters=SLOW)
    easiest = decode_target(easiest_target(RULES))
    for second in range(1, 21):
        chain.shares = FLOOD
        target = decode_target(chain.block().energy_target)
        assert ahead_ms(chain) == second * 9_000
        assert target == target_ahead(work_rule(RULES), second * 9_000) < easiest
    assert 7 < easiest / target < 9  # Three minutes ahead is three half-lives.
    assert decode_target(chain.block(after_s=179).energy_target) < easiest
    assert decode_target(chain.block().energy_target) == easiest
    assert chain.coin(admission_coin_id(CHAIN)) is None


def test_ordinary_batches_pay_in_fees_and_do_not_count() -> None:
    chain = LittleChain("alice", parameters=SLOW)
    chain.shares = tuple(share._replace(energy=False) for share in FLOOD)
    assert chain.block().energy_target == easiest_target(RULES)


def test_who_seals_is_paid_for_each_reading_that_takes_effect() -> None:
    chain = LittleChain("alice", "bob", parameters=SLOW)
    chain.block(after_s=HOUR_S)
    good, other = chain.reading("alice", 100), chain.reading("bob", 200)
    order = signed(Cancel(bytes(32)), "alice")
    chain.shares = (
        Share(address("one"), 2, True),
        Share(address("payer"), 0, False),
        Share(address("two"), 2, True),
    )
    # Neither an order nor a copy of a reading earns anything.
    outcome = chain.block(good, order, good, other)
    assert [receipt.reason for receipt in outcome.receipts] == [
        None,
        Reason.UNKNOWN_ORDER,
        Reason.ALREADY_EXECUTED,
        None,
    ]
    assert outcome.rewarded_ugtx == chain.supply().rewarded_ugtx == 200
    assert chain.cash("one") == chain.cash("two") == 100
    assert chain.cash("payer") == 0


def test_two_batches_of_one_producer_are_paid_in_two_coins() -> None:
    chain = LittleChain("alice", "bob", parameters=SLOW)
    chain.block(after_s=HOUR_S)
    readings = (chain.reading("alice", 100), chain.reading("bob", 200))
    chain.shares = (Share(address("one"), 1, True), Share(address("one"), 1, True))
    chain.accepted(*readings)
    assert sorted(coin.amount_ugtx for _, coin in chain.coins("one", Cash)) == [100, 100]


def test_a_chain_may_pay_nothing() -> None:
    free = msgspec.structs.replace(RULES, reading_reward_ugtx=0)
    chain = LittleChain("alice", parameters=msgspec.structs.replace(PARAMETERS, admission=free))
    chain.block(after_s=HOUR_S)
    chain.shares = (Share(address("one"), 1, True),)
    assert chain.accepted(chain.reading("alice", 100)).rewarded_ugtx == 0
    assert chain.supply().rewarded_ugtx == 0
