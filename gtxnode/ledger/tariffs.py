"""Tariffs on the ledger: the regulator brings a table, and it holds from its second on.

A table is for the time to come: it begins at the block's time or later, and a calendar of holidays
leaves days that are over as they were. So nothing that was billed changes afterwards.
"""

from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import ReplaceTariff
from gtxnode.ledger.mandates import authorised, enter
from gtxnode.ledger.tariff_series import KINDS, TariffSeries, all_tariffs, tariff_coin_id
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.tariffs.calendar import midnight_s
from gtxnode.tariffs.tables import Holidays, Tariffs, TariffTable


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
    coin_id = tariff_coin_id(state.context.chain_id, type(table))
    series = state.coins.get(coin_id)
    if isinstance(series, TariffSeries):
        state.coins.make(coin_id, series.with_table(table))
    else:
        state.coins.make(coin_id, TariffSeries((table,)))
    enter(state, transaction, role)


def tariffs_of(state: BlockState, *kinds: type[TariffTable]) -> Tariffs:
    """The chain's tables as the block has left them so far, of some kinds or of all."""
    context = state.context
    first = context.parameters.tariffs
    return all_tariffs(context.chain_id, first, state.coins.get, kinds or KINDS)


def _check_holidays(state: BlockState, table: Holidays) -> None:
    known = {day for day in tariffs_of(state, Holidays).holidays if day.year == table.year}
    for day in sorted(known ^ set(table.days)):
        if midnight_s(day) * 1_000 < state.context.time_ms:
            raise Refused(Reason.TARIFF_IN_PAST, f"{day} has begun and cannot be changed")
