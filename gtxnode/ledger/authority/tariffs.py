"""Tariffs on the ledger: the regulator brings a table, and it holds from its second on.

A table is for the time to come: it begins at the block's time or later, and a calendar of holidays
leaves days that are over as they were. So nothing that was billed changes afterwards.

One that is brought to the registry is brought to every chain. Where it arrives after its time has
come, as a chain's reference to the registry lags, it holds from its arrival on.
"""

from datetime import date

from msgspec.structs import replace

from gtxnode.ledger.authority.directing import direct, taken
from gtxnode.ledger.authority.directives import TariffSet
from gtxnode.ledger.authority.mandates import authorised, enter
from gtxnode.ledger.authority.tariff_series import KINDS, TariffSeries, all_tariffs, tariff_coin_id
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import ReplaceTariff
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.tariffs.calendar import midnight_s
from gtxnode.tariffs.tables import MAX_HOLIDAYS, Holidays, Tariffs, TariffTable


def replace_tariff(state: BlockState, transaction: CheckedTransaction) -> None:
    """Take a table. The regulator signs; it pays no fee."""
    body = transaction.body
    assert isinstance(body, ReplaceTariff)
    role = authorised(state, transaction)
    table = body.table
    if table.from_s * 1_000 < state.context.time_ms:
        now_s = state.context.time_ms // 1_000
        raise Refused(Reason.TARIFF_IN_PAST, f"from_s is {table.from_s}, and it is {now_s}")
    if isinstance(table, Holidays):
        _check_holidays(state, table)
    _add(state, table)
    enter(state, transaction, role)
    direct(state, TariffSet(table))


def follow(state: BlockState) -> None:
    """Take over what was brought to the registry."""
    for saying in taken(state):
        if isinstance(saying, TariffSet):
            _add(state, _for_the_time_to_come(state, saying.table))


def tariffs_of(state: BlockState, *kinds: type[TariffTable]) -> Tariffs:
    """The chain's tables as the block has left them so far, of some kinds or of all."""
    context = state.context
    first = context.parameters.tariffs
    return all_tariffs(context.chain_id, first, state.coins.get, kinds or KINDS)


def _add(state: BlockState, table: TariffTable) -> None:
    coin_id = tariff_coin_id(state.context.chain_id, type(table))
    series = state.coins.get(coin_id)
    if isinstance(series, TariffSeries):
        state.coins.make(coin_id, series.with_table(table))
    else:
        state.coins.make(coin_id, TariffSeries((table,)))


def _for_the_time_to_come(state: BlockState, table: TariffTable) -> TariffTable:
    """A table without what it would change before the next block."""
    now_ms = state.context.time_ms
    table = replace(table, from_s=max(table.from_s, now_ms // 1_000 + 1))
    if not isinstance(table, Holidays):
        return table
    known = tariffs_of(state, Holidays).holidays
    begun = {day for day in known if day.year == table.year and _has_begun(day, now_ms)}
    days = begun | {day for day in table.days if not _has_begun(day, now_ms)}
    return replace(table, days=tuple(sorted(days)[:MAX_HOLIDAYS]))


def _has_begun(day: date, now_ms: int) -> bool:
    return midnight_s(day) * 1_000 < now_ms


def _check_holidays(state: BlockState, table: Holidays) -> None:
    known = {day for day in tariffs_of(state, Holidays).holidays if day.year == table.year}
    for day in sorted(known ^ set(table.days)):
        if _has_begun(day, state.context.time_ms):
            raise Refused(Reason.TARIFF_IN_PAST, f"{day} has begun and cannot be changed")
