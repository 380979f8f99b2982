"""Changes of parameters: every single one that a vote may make is lived through, and read anew."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtxnode.ledger.parameters import DERIVED, ChainParameters
from gtxnode.ledger.registry.amendments import FIXED, MAX_DEPTH, Change, amended, value_of
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.zones import Zone
from tests.grid import little_grid
from tests.ledger.forward_chain import HOUR, QUARTER, ForwardChain
from tests.ledger.grid_chain import GridChain
from tests.ledger.little_chain import GTX, HOUR_S, KWH
from tests.ledger.little_registry import RULES, VOTING, LittleRegistry

PARAMETERS = ChainParameters(staking=RULES, governance=VOTING)


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every figure by its dotted name; what is a list is one figure."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{name}.{key}" if name else key)
    else:
        yield name, value


class Changing(ForwardChain, LittleRegistry):
    """A registry that trades slots as well, whose parameters change under it."""

    founders_seats = RULES.max_validators  # committees fixed before a change stay as they are


FIGURES = dict(leaves(msgspec.to_builtins(PARAMETERS)))
FREE = sorted(name for name in FIGURES if not any(f"{name}.".startswith(f"{f}.") for f in FIXED))


def variants(value: Any) -> Iterator[Any]:
    """Other values of the kind: above and below."""
    match value:
        case bool():
            yield not value
        case int():
            yield from (value * 2, value // 2)
        case list():
            yield from ([], value[:1])


def changed(name: str) -> Iterator[ChainParameters]:
    """The parameters with another value of one figure, for each that makes valid ones."""
    for value in variants(FIGURES[name]):
        text = msgspec.json.encode(value).decode()
        try:
            after = amended(PARAMETERS, [Change(name, text)])
        except Refused:
            continue
        if after != PARAMETERS:
            yield after


def test_what_is_fixed_or_derived_is_there() -> None:
    for name in FIXED:
        assert value_of(PARAMETERS, name)
    assert set(DERIVED) <= set(FIXED)


@pytest.mark.parametrize("name", FREE)
def test_a_chain_lives_through_every_change_that_a_vote_can_make(name: str) -> None:
    """It has stakes, orders and readings from before, makes new ones after, and ends two epochs."""
    for after in changed(name):
        chain = Changing(("anan", "boon"), ("chai", "dao"))
        chain.accepted(chain.stake("chai", 50 * GTX, register=True))
        chain.export("dao", 20 * KWH)
        chain.accepted(chain.sell("dao", 5 * KWH, 3_500), chain.unstake("chai", 20 * GTX))
        for slot in (HOUR, QUARTER):
            chain.accepted(
                chain.offer("dao", KWH, 3_500, slot), chain.bid("chai", KWH, 3_500, slot)
            )
        chain.accepted(chain.bid("chai", KWH, 3_000, QUARTER))
        chain.to_epoch(3)
        chain.parameters = after.on_chain_of(chain.parameters)
        chain.block(chain.buy("chai", 2 * KWH, 4_000), chain.sell("dao", KWH, 3_000))
        chain.block(chain.reading("dao", KWH), chain.stake("chai", 5 * GTX), after_s=HOUR_S)
        chain.block(chain.propose("dao", ("min_fee_ugtx", "77")))
        for _ in range(2 * RULES.epoch_blocks):
            chain.block(after_s=HOUR_S)
        chain.block(chain.reading("dao", 3 * KWH), after_s=2 * 24 * HOUR_S)
        chain.block(after_s=24 * HOUR_S)


@given(st.text(max_size=40), st.text(max_size=60))
def test_any_text_is_a_change_or_is_refused(name: str, value: str) -> None:
    try:
        after = amended(PARAMETERS, [Change(name, value)])
    except Refused as refused:
        reason: Reason | None = refused.reason
    else:
        reason = None
        assert msgspec.json.decode(value_of(after, name)) == msgspec.json.decode(value)
    assert reason in (
        None,
        Reason.UNKNOWN_PARAMETER,
        Reason.FIXED_PARAMETER,
        Reason.INVALID_CHANGE,
    )


def test_what_decoders_could_differ_on_is_refused() -> None:
    deep = "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)
    for text in (deep, '"\\ud800"', "NaN", "1e400", "-0.0", "1" * 5_000):
        with pytest.raises(Refused):
            amended(PARAMETERS, [Change("min_fee_ugtx", text)])


def test_a_grid_comes_and_goes_with_a_vote() -> None:
    """The book is under the grid that holds, as it would be on a node that starts now."""
    people = {"somchai": Zone.BANGKOK, "malee": Zone.SOUTHERN}
    chain = GridChain(people, grid=None)
    chain.block()
    assert chain.orders.book.carriage is None
    model = msgspec.json.encode(little_grid.model()).decode()
    for text, there in ((model, True), ("null", False)):
        after = amended(chain.parameters.shared(), [Change("grid", text)])
        chain.parameters = after.on_chain_of(chain.parameters)
        chain.block()
        assert (chain.orders.book.carriage is not None) == there
