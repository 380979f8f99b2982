"""Who was there on other chains, as the registry hears it: called, completed, settled, judged."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from consensus import signing
from consensus.reputation import SCALE, ReputationRule
from gtxnode.ledger.bodies import RollCall
from gtxnode.ledger.parameters import StakingRules
from gtxnode.ledger.registry.attendance import MAX_OPEN_CALLS, RollCalls, roll_calls_coin_id
from gtxnode.ledger.transactions import CheckedTransaction, parse
from gtxnode.ledger.wallet import sign
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.zones import Shard
from tests.ledger.little_chain import CHAIN, private_key, signed
from tests.ledger.little_registry import GENESIS_STAKE, RULES, LittleRegistry, node
from tests.ledger.other_chain import FOUNDERS, SOUTH, called, final_block

EPOCH = 20
OPEN = 3
CALLS = replace(
    RULES,
    epoch_blocks=EPOCH,
    max_validators=4,
    late_heights=0,
    roll_call_blocks=10,
    roll_call_open_blocks=OPEN,
    downtime_jail_epochs=1,
    reputation=ReputationRule(min_heights=5, average_epochs=2, max_change=SCALE),
)
THREE = FOUNDERS[:3]


def a_registry(rules: StakingRules = CALLS, blocks: int = 10) -> LittleRegistry:
    chain = LittleRegistry(FOUNDERS, rules=rules)
    for _ in range(blocks):
        chain.block()
    return chain


def calls(chain: LittleRegistry, shard: Shard = Shard.GEO_SOUTHERN) -> RollCalls:
    coin = chain.coin(roll_calls_coin_id(CHAIN, shard))
    assert isinstance(coin, RollCalls)
    return coin


def seen(chain: LittleRegistry, shard: Shard = Shard.GEO_SOUTHERN) -> dict[str, tuple[int, int]]:
    """(signed, heights) by name."""
    counted = {each.public_key: (each.signed, each.heights) for each in calls(chain, shard).seen}
    return {name: counted[node(name)] for name in FOUNDERS if node(name) in counted}


def reputation(chain: LittleRegistry, name: str) -> int:
    validator = chain.validator(name)
    assert validator is not None
    return validator.reputation


def test_who_is_missing_when_a_height_is_settled_was_not_there() -> None:
    chain = a_registry()
    chain.accepted(called(chain, 10, 9, *THREE))
    (call,) = calls(chain).open
    assert (call.place.missing, call.weight, call.opened) == ((node("dao"),), 9, chain.height)
    for _ in range(OPEN):
        chain.block()
    chain.accepted(called(chain, 20, 12))
    assert seen(chain) == {**dict.fromkeys(THREE, (9, 9)), "dao": (0, 9)}
    assert [each.weight for each in calls(chain).open] == [3]


@pytest.mark.parametrize("round_", [0, 1])
def test_a_precommit_of_any_round_that_was_left_out_is_brought_after(round_: int) -> None:
    chain = a_registry()
    chain.accepted(called(chain, 10, 9, *THREE))
    for _ in range(OPEN - 2):
        chain.block()
    chain.accepted(called(chain, 10, 9, "dao", by="dao's node", round_=round_))
    assert calls(chain).open[0].place.missing == ()
    again = called(chain, 10, 9, "dao", "anan")
    assert chain.refused(again) is Reason.ROLL_CALL_ADDS_NOBODY


def test_after_its_time_a_height_is_settled_whoever_signed() -> None:
    chain = a_registry(blocks=10)
    chain.accepted(called(chain, 10, 9, *THREE))
    for _ in range(OPEN):
        chain.block()
    late = called(chain, 10, 9, "dao")
    assert chain.refused(late) is Reason.ROLL_CALL_OUT_OF_WINDOW


def test_a_height_is_called_once_and_none_before_it_after() -> None:
    chain = a_registry()
    chain.accepted(called(chain, 20, 9))
    assert chain.refused(called(chain, 20, 9)) is Reason.ROLL_CALL_ADDS_NOBODY
    assert chain.refused(called(chain, 10, 8)) is Reason.ROLL_CALL_OUT_OF_WINDOW


def test_absence_from_a_chain_costs_reputation() -> None:
    chain, start = a_registry(blocks=9), CALLS.reputation.start
    # It signs all 19 heights of the registry that are settled, and not what weighs as much as 9.
    chain.accepted(called(chain, 10, 9, *THREE))
    chain.to_epoch(1)
    assert reputation(chain, "anan") == (start + SCALE) // 2
    assert reputation(chain, "dao") == start + (SCALE * 19 // 28 - start) // 2
    assert calls(chain) == RollCalls(10, 9)


def test_who_is_mostly_away_was_down() -> None:
    chain = a_registry(blocks=0)
    shards = [Shard.GEO_SOUTHERN, Shard.GEO_BANGKOK]
    for height in range(1, EPOCH + 1):
        sent = []
        if height in (8, 16):
            sent = [called(chain, height * 10, height - 1, *THREE, chain_id=s) for s in shards]
        chain.accepted(*sent)
    dao, boon = chain.validator("dao"), chain.validator("boon")
    assert dao is not None
    assert boon is not None
    # 19 heights of the registry, which were signed, and twice 15 of others, which were not.
    assert (dao.jailed_until, dao.stake_ugtx) == (2, GENESIS_STAKE)
    assert not boon.jailed_until
    assert dao.reputation < CALLS.reputation.start < boon.reputation


def test_who_does_not_serve_a_chain_is_not_judged_for_it() -> None:
    chain = a_registry()
    chain.accepted(chain.serve("dao", Shard.GEO_BANGKOK, by="dao's node"))
    chain.to_epoch(2)
    chain.block()
    chain.accepted(called(chain, 50, 2 * EPOCH, *THREE))
    chain.accepted(
        called(chain, 50, 2 * EPOCH, *THREE, chain_id=Shard.GEO_BANGKOK.value),
    )
    for _ in range(OPEN):
        chain.block()
    chain.accepted(called(chain, 60, 2 * EPOCH + 1, *THREE))
    chain.accepted(called(chain, 60, 2 * EPOCH + 1, chain_id=Shard.GEO_BANGKOK.value))
    assert set(seen(chain)) == set(THREE)
    assert seen(chain, Shard.GEO_BANGKOK)["dao"] == (0, 10)


def test_where_nobody_serves_a_chain_nobody_is_judged() -> None:
    chain = a_registry()
    for name in FOUNDERS:
        chain.accepted(chain.serve(name, Shard.GEO_BANGKOK, by=f"{name}'s node"))
    chain.to_epoch(2)
    chain.accepted(called(chain, 50, 2 * EPOCH, *THREE))
    for _ in range(OPEN):
        chain.block()
    chain.accepted(called(chain, 60, 2 * EPOCH + 1))
    assert seen(chain) == {}


def test_a_chain_never_counts_for_more_than_the_registry() -> None:
    chain = a_registry(blocks=1)
    # A chain of several times the registry's pace.
    for height in range(1, EPOCH - OPEN - 1):
        sent = [called(chain, 10 * height, height)] if height % 2 else []
        chain.accepted(*sent)
    counted = sum(each.weight for each in calls(chain).open)
    counted += max((each.heights for each in calls(chain).seen), default=0)
    assert 0 < counted <= chain.height


def test_a_chain_that_stood_still_counts_no_more_than_one_step() -> None:
    chain = a_registry(replace(CALLS, roll_call_blocks=5), blocks=15)
    chain.accepted(called(chain, 5, 14))
    assert calls(chain).open[0].weight == 5


def test_as_many_are_open_as_can_be() -> None:
    chain = a_registry(replace(CALLS, roll_call_open_blocks=8), blocks=2)
    for at in range(1, MAX_OPEN_CALLS + 1):
        chain.accepted(called(chain, 10 * at, at))
    more = called(chain, 10 * (MAX_OPEN_CALLS + 1), 3)
    assert chain.refused(more) is Reason.ROLL_CALL_OUT_OF_WINDOW


def test_what_cannot_be_settled_in_its_epoch_is_called_in_the_next() -> None:
    chain = a_registry(blocks=EPOCH - OPEN)
    call = called(chain, 10, EPOCH - OPEN - 1)
    assert chain.refused(call) is Reason.ROLL_CALL_OUT_OF_WINDOW
    chain.to_epoch(1)
    chain.accepted(call)
    chain.to_epoch(2)
    old = called(chain, 20, EPOCH - 1, epoch=0)
    assert chain.refused(old) is Reason.ROLL_CALL_OUT_OF_WINDOW


WRONG: dict[str, tuple[Callable[[LittleRegistry], CheckedTransaction], Reason]] = {
    "too few signed": (
        lambda chain: called(chain, 10, 9, "anan", "boon"),
        Reason.INVALID_ROLL_CALL,
    ),
    "a stranger among them": (
        lambda chain: called(chain, 10, 9, *FOUNDERS, "ek"),
        Reason.INVALID_ROLL_CALL,
    ),
    "another set's": (
        lambda chain: called(chain, 10, 9, root=b"\x08" * 32),
        Reason.INVALID_ROLL_CALL,
    ),
    "no height that is called": (lambda chain: called(chain, 11, 9), Reason.INVALID_ROLL_CALL),
    "an epoch that has not come": (
        lambda chain: called(chain, 10, 9, epoch=1),
        Reason.ROLL_CALL_OUT_OF_WINDOW,
    ),
    "by nobody known": (
        lambda chain: called(chain, 10, 9, by="somebody"),
        Reason.UNKNOWN_VALIDATOR,
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_shows_nothing_is_refused(wrong: str) -> None:
    chain = a_registry()
    make, reason = WRONG[wrong]
    assert chain.refused(make(chain)) is reason


def test_a_call_of_another_block_adds_nobody() -> None:
    chain = a_registry()
    chain.accepted(called(chain, 10, 9, *THREE))
    assert chain.refused(called(chain, 10, 8, "dao")) is Reason.INVALID_ROLL_CALL


def body(chain: LittleRegistry, chain_id: str = SOUTH) -> RollCall:
    return RollCall(*final_block(chain, 10, 9, epoch=0, chain_id=chain_id), 0)


MALFORMED: dict[str, Callable[[LittleRegistry], RollCall]] = {
    "another network's chain": lambda chain: body(chain, "other/geo_southern"),
    "no chain of ours": lambda chain: body(chain, "x"),
    "this chain": lambda chain: body(chain, CHAIN),
    "nobody's": lambda chain: replace(
        body(chain), commit=replace(body(chain).commit, signatures=())
    ),
    "another height's": lambda chain: replace(
        body(chain), commit=replace(body(chain).commit, height=9)
    ),
    "another block's": lambda chain: replace(
        body(chain), commit=replace(body(chain).commit, block_id=bytes(32))
    ),
    "out of order": lambda chain: replace(
        body(chain),
        commit=replace(body(chain).commit, signatures=body(chain).commit.signatures[::-1]),
    ),
}


@pytest.mark.parametrize("form", MALFORMED)
def test_what_is_no_call_never_gets_into_a_block(form: str) -> None:
    encoded = sign(CHAIN, MALFORMED[form](a_registry()), private_key("anan's node")).encoded
    with pytest.raises(Refused) as refused:
        parse(CHAIN, encoded)
    assert refused.value.reason is Reason.INVALID_ROLL_CALL


def test_every_signature_is_checked_with_the_witnesses() -> None:
    whole = body(a_registry())
    parsed = parse(CHAIN, signed(whole, "anan's node").encoded)
    assert all(signing.verify_slice(parsed.signature_checks()))
    for at in range(len(FOUNDERS)):
        forged = list(whole.commit.signatures)
        forged[at] = replace(forged[at], signature=bytes(64))
        bad = replace(whole, commit=replace(whole.commit, signatures=tuple(forged)))
        checks = parse(CHAIN, signed(bad, "anan's node").encoded).signature_checks()
        assert list(signing.verify_slice(checks)).count(False) == 1
