"""Changes of the authorities' own keys."""

from typing import Annotated

import msgspec

from gtxnode.ledger.authority.authority_keys import RoleKeys
from gtxnode.primitives.zones import Role


class RotateKeys(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=59):
    """Give an authority other keys. Enough authorities sign, and every new key."""

    role: Role
    number: Annotated[int, msgspec.Meta(ge=1, le=2**16 - 1)]
    """One more than the role's last rotation has, 1 for its first."""
    public_keys: RoleKeys
