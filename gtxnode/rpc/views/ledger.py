"""The chain's totals."""

from __future__ import annotations

import msgspec

from gtxnode.rpc.wire import Amount, Height


class SupplyView(msgspec.Struct, frozen=True, gc=False):
    """The supply's totals after a block; outstanding energy is minted minus retired, always.

    What accepted readings exported is what was minted, is held as suspect, and was voided.
    The supply of GTX is what genesis made, less what was burned, with what was made for sealing.
    """

    shard: str
    height: Height
    minted_wh: Amount
    retired_wh: Amount
    outstanding_wh: Amount
    gtx_supply_ugtx: Amount
    gtx_burned_ugtx: Amount
    gtx_rewarded_ugtx: Amount
    held_wh: Amount
    voided_wh: Amount
    credits_issued_mgco2e: Amount
    credits_retired_mgco2e: Amount
