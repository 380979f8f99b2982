"""Three zones in a triangle: the smallest grid in which power takes more than one way.

All lines are of one make, so a trade between two zones sends two thirds along their own corridor,
and one third round the third zone.
"""

from gtxnode.grid.build import BuildPolicy, LimitRule, build_model
from gtxnode.grid.model import GridModel
from gtxnode.grid.network import Line, Network, checked
from gtxnode.primitives.zones import Zone

LIMIT_MW = 30
ZONES = (Zone.BANGKOK, Zone.CENTRAL, Zone.SOUTHERN)


def network() -> Network:
    return checked(
        [
            Line("north", "middle", 1.0, LIMIT_MW),
            Line("middle", "south", 1.0, LIMIT_MW),
            Line("north", "south", 1.0, LIMIT_MW),
        ],
        {"north": Zone.BANGKOK, "middle": Zone.CENTRAL, "south": Zone.SOUTHERN},
    )


def model() -> GridModel:
    """With thermal limits, a loss of 3 % on every route, and the usual charges."""
    policy = BuildPolicy(limits=LimitRule.THERMAL, average_loss_ppm=30_000)
    return build_model(network(), policy)
