"""Whose territory a province is: the Metropolitan or the Provincial Electricity Authority's.

The utility of its territory answers for a meter: it registers, changes and retires it, and judges
readings that are held. Source: Metropolitan Electricity Authority Act, B.E. 2501, section 6.
"""

from typing import Annotated

import msgspec

from gtxnode.primitives.provinces import MEA_PROVINCES, Province
from gtxnode.primitives.zones import Role


class Territories(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Part of the chain's parameters."""

    mea: Annotated[tuple[Province, ...], msgspec.Meta(max_length=len(Province))] = MEA_PROVINCES
    """The provinces of the Metropolitan Electricity Authority; the others are the Provincial's."""

    def __post_init__(self) -> None:
        if len(set(self.mea)) != len(self.mea):
            raise ValueError("mea names a province twice")

    def utility_of(self, province: Province) -> Role:
        """Who answers for the meters of a province."""
        return Role.MEA if province in self.mea else Role.PEA
