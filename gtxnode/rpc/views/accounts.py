"""What addresses own."""

from __future__ import annotations

import msgspec

from gtxnode.rpc.wire import Address, Amount, Height, Hex


class BalanceView(msgspec.Struct, frozen=True, gc=False):
    """What an address owns: free to spend, locked in open orders, and staked or unbonding.

    `money_in_contracts_ugtx` is what this address has put into contracts that are still open: a
    buyer's payment, a seller's collateral; `money_in_proposals_ugtx` are the deposits of proposals
    that are voted on, or wait for it. `energy_held_wh` came from suspect readings and waits
    for the utility's judgement.
    """

    shard: str
    address: Address
    height: Height
    money_ugtx: Amount
    energy_wh: Amount
    money_in_orders_ugtx: Amount
    energy_in_orders_wh: Amount
    money_staked_ugtx: Amount
    energy_held_wh: Amount
    credits_mgco2e: Amount
    """Carbon credits: 10 kg CO2e are one."""
    money_in_contracts_ugtx: Amount
    money_in_proposals_ugtx: Amount


class OriginView(msgspec.Struct, frozen=True, gc=False):
    """Where energy came from: zone, source, the interval it was made in (Unix seconds), meter."""

    zone: str
    source: str
    start_s: int
    end_s: int
    meter: Hex


class CoinView(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """An unspent coin. `encoded` is canonical.

    `amount` is in µGTX for money, Wh for energy, mg CO2e for carbon credits.
    """

    id: Hex
    kind: str
    owner: Address
    amount: Amount
    encoded: Hex
    origin: OriginView | None = None


class CoinPage(msgspec.Struct, frozen=True, gc=False):
    """Coins in order of their ids; `next` goes into the next call's `after`, null at the end."""

    height: Height
    coins: tuple[CoinView, ...]
    next: Hex | None
