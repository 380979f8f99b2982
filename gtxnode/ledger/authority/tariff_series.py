"""The tariff tables that came by transaction: a coin for each kind of table.

What genesis names stays among the parameters; there is no coin of a kind before its first later
table. Invariant: tables stand in the order in which they came.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Annotated, TypeAlias, get_args

import msgspec

from consensus.hashing import Domain
from gtxnode.tariffs.tables import Tariffs, TariffTable, kind_name

MAX_SERIES = 64
"""Tables kept of a kind; the oldest gives way. Ft, the most often changed, fills it in 21 years."""

KINDS: tuple[type[TariffTable], ...] = get_args(TariffTable)

CoinGet: TypeAlias = Callable[[bytes], object]
"""The coin of an id, or None."""


class TariffSeries(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=36):
    """The later tables of one kind."""

    tables: Annotated[tuple[TariffTable, ...], msgspec.Meta(min_length=1, max_length=MAX_SERIES)]

    def with_table(self, table: TariffTable) -> "TariffSeries":
        """With one that came after the others."""
        return TariffSeries((*self.tables, table)[-MAX_SERIES:])


@lru_cache(maxsize=256)
def tariff_coin_id(chain_id: str, kind: type[TariffTable]) -> bytes:
    """The coin with the later tables of a kind."""
    return Domain("coin/tariff", chain_id).hash(kind_name(kind).encode()) + b"\x00\x00"


def all_tariffs(
    chain_id: str,
    first: Iterable[TariffTable],
    get: CoinGet,
    kinds: Iterable[type[TariffTable]] = KINDS,
) -> Tariffs:
    """The tables of genesis and the later ones of some kinds, to be asked which is in force."""
    tables = list(first)
    for kind in kinds:
        series = get(tariff_coin_id(chain_id, kind))
        if isinstance(series, TariffSeries):
            tables += series.tables
    return Tariffs(tables)
