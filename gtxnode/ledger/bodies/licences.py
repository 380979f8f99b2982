"""Licences for large orders, given and taken by the regulator."""

import msgspec

from gtxnode.ledger.authority.acts import IssuedMs
from gtxnode.ledger.market.licence_coins import LicensedSize
from gtxnode.metering.meters import AddressBytes, Seconds


class GrantLicence(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=21):
    """Let a trader place orders up to a size. It replaces a licence that the trader has."""

    issued_ms: IssuedMs
    holder: AddressBytes
    max_wh: LicensedSize
    expires_s: Seconds


class RevokeLicence(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=22):
    """Take a trader's licence back. Orders that rest already keep their place."""

    issued_ms: IssuedMs
    holder: AddressBytes
