"""What the regulator says of tariffs."""

import msgspec

from gtxnode.ledger.authority.acts import IssuedMs
from gtxnode.tariffs.tables import TariffTable


class ReplaceTariff(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=36):
    """A table takes the place of the one of its kind, from the second that it names. It pays no
    fee."""

    issued_ms: IssuedMs
    table: TariffTable
