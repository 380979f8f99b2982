"""Any parameter may be voted into another valid value at any time, and the chain goes on.

Orders, contracts, counters and uses of the grid were made under what held before. Whatever is
voted in, blocks execute, and money and energy are conserved: `LittleChain` holds every block to it.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gtxnode.grid.model import GridModel
from gtxnode.ledger import wallet
from gtxnode.ledger.authority.compliance import ComplianceRules
from gtxnode.ledger.authority.decrees import Decreed
from gtxnode.ledger.market.usage import UsageLimit
from gtxnode.ledger.parameters import ChainParameters, OrderLimits
from gtxnode.ledger.registry.amendments import FIXED, Change, amended
from gtxnode.ledger.registry.proposals import InForce
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market import Terms
from gtxnode.primitives.errors import Refused
from tests.grid import little_grid
from tests.ledger.grid_chain import PARAMETERS, GridChain
from tests.ledger.little_chain import HOUR_S, KWH
from tests.ledger.test_forward_histories import PEOPLE, Step
from tests.ledger.test_grid_forward_histories import ZONE_OF, transaction

LIMIT = UsageLimit("day", 0, 1_440, 100_000 * KWH)
LARGE = msgspec.structs.replace(
    PARAMETERS, orders=OrderLimits(min_wh=1), compliance=ComplianceRules(usage_limits=(LIMIT,))
)


def leaves(document: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Every parameter, and every group of them, by its dotted name."""
    if name:
        yield name, document
    if isinstance(document, dict):
        for key, value in document.items():
            yield from leaves(value, f"{name}.{key}" if name else key)


def smaller(model: GridModel) -> GridModel:
    """Without its last zone."""
    zones = model.zones[:-1]
    return GridModel(
        zones,
        tuple(
            msgspec.structs.replace(each, factors_ppm=each.factors_ppm[:-1])
            for each in model.corridors
            if {each.first, each.second} <= set(zones)
        ),
        tuple(each for each in model.routes if {each.seller, each.buyer} <= set(zones)),
    )


DOCUMENT = msgspec.json.decode(msgspec.json.encode(LARGE.shared()))
CHANGEABLE = [
    (name, value)
    for name, value in leaves(DOCUMENT)
    if not any(f"{name}.".startswith(f"{fixed}.") for fixed in FIXED)
]
ELSEWHERE: dict[str, list[Any]] = {
    "grid": [
        None,
        DOCUMENT["grid"],
        msgspec.json.decode(msgspec.json.encode(smaller(little_grid.model()))),
    ],
    "orders.price_rule": ["ask", "maker"],
    "compliance.usage_limits": [
        [],
        [{"name": "day", "start_minute": 0, "end_minute": 1_440, "max_wh": 1}],
        [{"name": "day", "start_minute": 60, "end_minute": 1_380, "max_wh": 10**7}],
    ],
    "forwards.products": [
        [],
        DOCUMENT["forwards"]["products"][:1],
        [
            {**each, "mechanism": how}
            for how in ("uniform",)
            for each in DOCUMENT["forwards"]["products"]
        ],
    ],
}


def others(name: str, value: Any) -> list[Any]:
    """Values that a parameter might be voted into; some are not valid."""
    if name in ELSEWHERE:
        return ELSEWHERE[name]
    match value:
        case bool():
            return [not value]
        case int():
            return [0, 1, value // 2, value + 1, value * 2, 10**6]
        case None:
            return [0, 1, 1_000]
    return []


AMENDMENTS = [
    Change(name, msgspec.json.encode(other).decode())
    for name, value in CHANGEABLE
    for other in others(name, value)
]
steps = st.builds(
    Step,
    st.sampled_from(
        ["offer"] * 4 + ["bid"] * 4 + ["read"] * 3 + ["limit", "status"] + ["sell", "buy"] * 3
    ),
    st.integers(0, 2),
    st.integers(0, 2),
    st.integers(1, 3_000),
    st.integers(0, 3),
)
blocks = st.tuples(
    st.lists(steps, max_size=7),
    st.sampled_from([1, 1, 2, 3, 12]),
    st.lists(st.sampled_from(AMENDMENTS), max_size=1),
)
histories = st.lists(blocks, min_size=8, max_size=16)


def sent(chain: GridChain, step: Step) -> CheckedTransaction | None:
    who, price = PEOPLE[step.who], 3_000 + 250 * step.price
    try:
        match step.kind:
            case "sell":
                return chain.sell(who, step.amount, price)
            case "buy":
                return chain.buy(who, step.amount, price + 1_300, terms=Terms(zone=ZONE_OF[who]))
        return transaction(chain, step)
    except wallet.InsufficientFunds:
        return None


def decree(chain: GridChain, version: int, changes: list[Change]) -> Decreed | None:
    """The registry's vote on each change that gives valid parameters."""
    found = chain.parameters.shared()
    for change in changes:
        try:
            found = amended(found, [change])
        except Refused:
            continue
    text = msgspec.json.encode(found).decode()
    assert msgspec.json.decode(text, type=ChainParameters) == found
    return Decreed(InForce(version, 0, 1, 1, text)) if changes else None


@settings(max_examples=60)
@given(histories)
def test_whatever_is_voted_in_the_chain_goes_on(
    history: list[tuple[list[Step], int, list[Change]]],
) -> None:
    play(history, Counter())


def play(history: list[tuple[list[Step], int, list[Change]]], seen: Counter[str]) -> None:
    chain = GridChain(ZONE_OF)
    chain.parameters = LARGE.on_chain_of(chain.parameters)
    chain.block(after_s=HOUR_S)
    chain.accepted(*[chain.reading(name, 5 * KWH) for name in PEOPLE])
    for version, (wanted, spans, changes) in enumerate(history, 1):
        chain.now_s += 600 * spans
        block = [t for step in wanted if (t := sent(chain, step))]
        chain.decreed = decree(chain, version, changes)
        outcome = chain.block(*block)
        chain.decreed = None
        seen["voted"] += outcome.parameters is not None
        seen["traded"] += len(outcome.trades)
        seen["sold ahead"] += len(outcome.forward_trades)
        seen["settled"] += len(outcome.settlements)
    chain.now_s += 100 * HOUR_S
    chain.block()


def test_the_histories_reach_what_they_are_about() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=200, database=None, derandomize=True)
    @given(histories)
    def draw(history: list[tuple[list[Step], int, list[Change]]]) -> None:
        if len(seen) < 4 or min(seen.values()) < 3:
            play(history, seen)

    draw()
    assert min(seen[what] for what in ("voted", "traded", "sold ahead", "settled")) >= 3, seen
