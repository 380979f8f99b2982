"""What an authority says of a meter. A meter's own word is `gtxnode.metering.meters.Reading`."""

import msgspec

from consensus.encoding import PublicKey
from gtxnode.metering.meters import (
    AddressBytes,
    Capacity,
    Direction,
    MeterId,
    Register,
    Seconds,
)
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone


class RegisterMeter(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """A utility vouches for a meter. It pays no fee."""

    meter: MeterId
    public_key: PublicKey
    owner: AddressBytes
    zone: Zone
    source: Source
    capacity_w: Capacity
    direction: Direction
    installed_s: Seconds
    import_wh: Register = 0
    """What the registers show when it is installed: that energy is never minted."""
    export_wh: Register = 0
