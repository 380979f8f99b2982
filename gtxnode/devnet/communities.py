"""Those who trade between zones in a development network: communities of many homes.

Slots are bought and sold ahead of time there, and gates close by the chain's clock, which is the
real one. So that something is seen within a minute, an hour of the data takes `SLOT_S` there, and
is one delivery slot; that is the same speed for all of them, whatever `--speed` says of the homes
of the other chains. A community stands for `HOMES_EACH` homes, or the grid would not notice it. In
two of the zones the plants are large; in the other two there is need when those have plenty.
"""

from dataclasses import dataclass, replace

from gtxnode.devnet.household import Household
from gtxnode.ledger.delivery.forward_rules import ForwardRules
from gtxnode.market.auction import Mechanism
from gtxnode.market.slots import PRODUCTS, Product
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone

SLOT_S = 15
GATE_CLOSURE_S = 3
HOMES_EACH = 50
FORWARDS = ForwardRules(
    products=(Product(SLOT_S, Mechanism.CONTINUOUS, GATE_CLOSURE_S), *PRODUCTS),
    grace_s=2 * SLOT_S,
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a community is, what makes its energy, and at which hour of the data it begins."""

    zone: Zone
    source: Source
    first_hour: int
    plants: int
    """How many times the plants of the data's homes it has."""


PLACES = (
    Place(Zone.NORTHERN, Source.HYDRO, 9, 5),
    Place(Zone.BANGKOK, Source.WIND, 17, 1),
    Place(Zone.CENTRAL, Source.BIOMASS, 10, 5),
    Place(Zone.SOUTHERN, Source.WIND, 8, 1),
)


def place_of(number: int) -> Place:
    """The place of a community, by its number from 0."""
    return PLACES[number % len(PLACES)]


def as_community(household: Household, number: int) -> Household:
    """A household in the place of a community."""
    place = place_of(number)
    return replace(
        household,
        zone=place.zone,
        homes=HOMES_EACH,
        plants=place.plants,
        interval_s=SLOT_S,
        source=place.source,
        first_hour=place.first_hour,
    )


def first_slot_s(now_s: int) -> int:
    """When the meters of communities begin: at a slot that is near, Unix seconds."""
    return (now_s // SLOT_S + 1) * SLOT_S
