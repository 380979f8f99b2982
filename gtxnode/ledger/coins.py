"""The coins: everything that the ledger knows is one of these.

A coin's id is 34 bytes: 32 that are the output of a hash, and a two-byte big-endian index. For
what a transaction makes, the hash is the transaction's id; for a coin with an identity (a meter,
an order, the supply) it is derived from that identity and stays: spending it and making its
successor is one step.

Invariant: the first byte of every id is a hash's, and so picks the coin's bucket (state_root.py).
"""

from functools import lru_cache
from typing import Annotated, TypeAlias, cast

import msgspec

from consensus.encoding import Codec
from consensus.hashing import domain
from gtxnode.ledger.authority.acts import Acts
from gtxnode.ledger.authority.authorities import BarredKeys
from gtxnode.ledger.authority.authority_keys import AuthorityKeys
from gtxnode.ledger.authority.directives import Directive, Directives
from gtxnode.ledger.authority.halts import Halts
from gtxnode.ledger.authority.tariff_series import TariffSeries
from gtxnode.ledger.delivery.forward_coins import Contract, ForwardBuy, ForwardSell
from gtxnode.ledger.energy.retirement_coins import RetirementLog
from gtxnode.ledger.grid.grid_coins import (
    CorridorUse,
    GridFund,
    GridLimits,
    OpenSlots,
    ZoneStatus,
)
from gtxnode.ledger.market.licence_coins import Licence
from gtxnode.ledger.market.standing import Standing
from gtxnode.ledger.market.trading_day import TradingDay
from gtxnode.ledger.market.usage import Counter, Windows
from gtxnode.ledger.metering.meter_home_coins import MeterHome
from gtxnode.ledger.registry.attendance import RollCalls
from gtxnode.ledger.registry.proposals import Agenda, Electorate, InForce, Proposal
from gtxnode.ledger.registry.proposers import MissedTurns, RevealChain, Seeds
from gtxnode.ledger.registry.validators import Committee, Presence, Roster, Validator
from gtxnode.metering.anomalies import Suspicion
from gtxnode.metering.meters import AddressBytes, Meter, MeterId, RecordKey, Seconds
from gtxnode.primitives.provinces import Province
from gtxnode.primitives.sources import Source
from gtxnode.primitives.units import MAX_AMOUNT
from gtxnode.primitives.zones import Zone

COIN_ID_BYTES = 34
MAX_LOTS = 64
"""Lots in one sell order, and so inputs that it may take."""
MAX_COIN_BYTES = 262_144
"""Room for what is known of all validators; what anyone can make is far smaller."""

CoinId = Annotated[bytes, msgspec.Meta(min_length=COIN_ID_BYTES, max_length=COIN_ID_BYTES)]
Amount = Annotated[int, msgspec.Meta(gt=0, le=MAX_AMOUNT)]
Total = Annotated[int, msgspec.Meta(ge=0, le=MAX_AMOUNT)]


class Origin(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where, when and by which meter energy was metered. It stays with it through every trade."""

    zone: Zone
    source: Source
    start_s: Seconds
    end_s: Seconds
    meter: MeterId


class Cash(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=0):
    """GTX, the payment token."""

    owner: AddressBytes
    amount_ugtx: Amount


class Energy(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """KWH, the energy token."""

    owner: AddressBytes
    amount_wh: Amount
    origin: Origin


class HeldEnergy(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=40):
    """Energy out of a suspect reading: not a token until the meter's utility releases it.

    It stands under the id that the energy would have, which so becomes the energy's when released.
    """

    owner: AddressBytes
    amount_wh: Amount
    origin: Origin
    province: Province
    """Whose utility judges it."""
    suspicions: Annotated[
        tuple[Suspicion, ...], msgspec.Meta(min_length=1, max_length=len(Suspicion))
    ]


class Credit(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=35):
    """CO2, carbon credits: what renewable energy avoided that was retired. 10 kg are a credit."""

    owner: AddressBytes
    amount_mgco2e: Amount


class RecordKeyUse(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=41):
    """Whose records a foreign key signs. It stays, so that no record is a reading of two meters."""

    meter: MeterId


class Lot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Energy of one origin inside a sell order."""

    amount_wh: Amount
    origin: Origin


class SellOrder(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=3):
    """An open order to sell. It holds the energy that is on offer."""

    trader: AddressBytes
    price_mgtx_per_kwh: Amount
    lots: Annotated[tuple[Lot, ...], msgspec.Meta(min_length=1, max_length=MAX_LOTS)]
    """In the order in which they are sold."""
    expires_s: Seconds
    height: Total
    position: Total
    """With the height, when it took its place in the queue: what its priority in time goes by."""
    standing: Standing | None = None
    revision: Total = 0
    """How often it has been amended."""

    @property
    def quantity_wh(self) -> int:
        """What is left to be sold."""
        return sum(lot.amount_wh for lot in self.lots)

    @property
    def sources(self) -> int:
        """What its energy comes from, as the book has it: one bit, as all lots have one source."""
        return 1 << self.lots[0].origin.source


class BuyOrder(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=4):
    """An open order to buy. It holds the money for what is left, at its limit."""

    trader: AddressBytes
    price_mgtx_per_kwh: Amount
    quantity_wh: Amount
    """What is left to be bought."""
    expires_s: Seconds
    height: Total
    position: Total
    standing: Standing | None = None
    revision: Total = 0

    @property
    def locked_ugtx(self) -> int:
        """The money inside."""
        return self.quantity_wh * self.price_mgtx_per_kwh


class Supply(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=5):
    """The totals of the chain.

    Energy outstanding is what was minted less what was retired. What accepted readings exported is
    what was minted, is held and was voided.
    """

    minted_wh: Total
    retired_wh: Total
    gtx_ugtx: Total
    """All GTX: what genesis made, less what was burned, and with what was paid for sealing."""
    burned_ugtx: Total = 0
    """Taken from validators for what they signed, and from proposers for what they withheld."""
    rewarded_ugtx: Total = 0
    """Made for those who sealed readings."""
    held_wh: Total = 0
    """Exported by accepted readings that are suspect, and neither released nor voided yet."""
    voided_wh: Total = 0
    """Exported by accepted readings, and void: it never becomes a token."""
    credits_issued_mgco2e: Total = 0
    credits_retired_mgco2e: Total = 0


class Admission(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=10):
    """How far energy batches are ahead of their schedule; there is none while they are not."""

    ahead_ms: Total


Coin: TypeAlias = (
    Cash
    | Energy
    | Halts
    | Counter
    | Windows
    | HeldEnergy
    | RecordKeyUse
    | Meter
    | SellOrder
    | BuyOrder
    | Supply
    | Validator
    | Roster
    | Committee
    | Presence
    | RollCalls
    | Admission
    | BarredKeys
    | Acts
    | ForwardSell
    | ForwardBuy
    | Contract
    | Credit
    | TariffSeries
    | MissedTurns
    | Agenda
    | Proposal
    | Electorate
    | InForce
    | AuthorityKeys
    | Seeds
    | RevealChain
    | ZoneStatus
    | GridLimits
    | CorridorUse
    | OpenSlots
    | GridFund
    | Licence
    | TradingDay
    | Directive
    | Directives
    | RetirementLog
    | MeterHome
)
Order: TypeAlias = SellOrder | BuyOrder

# A codec takes a union as well as a class; its annotation can only say class.
_CODEC = Codec(cast("type[Coin]", Coin), max_bytes=MAX_COIN_BYTES)
encode_coin = _CODEC.encode
"""The canonical bytes of a coin: what is stored, hashed and shown."""
decode_coin = _CODEC.decode
"""The coin of its canonical bytes; `DecodeError` for anything else."""


class HeldCoin(msgspec.Struct, frozen=True, gc=False):
    """A coin beside its encoding, so that nothing is encoded twice."""

    coin: Coin
    encoded: bytes


def output_id(hash32: bytes, index: int) -> bytes:
    """The id of output `index` of a transaction, trade or release."""
    return hash32 + index.to_bytes(2, "big")


def order_coin_id(order_id: bytes) -> bytes:
    """The coin of an order: its order's id is that of the transaction that placed it."""
    return order_id + b"\x00\x00"


def order_id_of(coin_id: bytes) -> bytes:
    """The order whose coin this is."""
    return coin_id[:32]


def record_key_coin_id(chain_id: str, key: RecordKey) -> bytes:
    """The coin of a foreign meter's key and serial, whichever of its counts is read."""
    return domain("coin/record_key", chain_id).hash(key.identity) + b"\x00\x00"


def meter_coin_id(chain_id: str, meter: bytes) -> bytes:
    """The coin of a meter."""
    return domain("coin/meter", chain_id).hash(meter) + b"\x00\x00"


@lru_cache(maxsize=64)
def supply_coin_id(chain_id: str) -> bytes:
    """The coin of the chain's totals."""
    return domain("coin/supply", chain_id).hash() + b"\x00\x00"


def fees_coin_id(chain_id: str, height: int) -> bytes:
    """The coin with the fees of a block."""
    return domain("coin/fees", chain_id).hash(height.to_bytes(8, "big")) + b"\x00\x00"


@lru_cache(maxsize=64)
def admission_coin_id(chain_id: str) -> bytes:
    """The coin of what energy batches are ahead."""
    return domain("coin/admission", chain_id).hash() + b"\x00\x00"


def reward_coin_id(chain_id: str, height: int, batch: int) -> bytes:
    """The coin with what sealing a batch of a block earned."""
    place = height.to_bytes(8, "big") + batch.to_bytes(8, "big")
    return domain("coin/reward", chain_id).hash(place) + b"\x00\x00"


def trade_id(chain_id: str, taker_id: bytes, fill: int) -> bytes:
    """The id of a trade: the order that was placed, and which of its trades this is."""
    return domain("trade", chain_id).hash(taker_id, fill.to_bytes(8, "big"))


def sweep_id(chain_id: str, height: int, turn: int, order_id: bytes) -> bytes:
    """Stands for the order in the ids of trades of orders that were passed over: at that height the
    trades from that number on, of all that the block has made."""
    place = height.to_bytes(8, "big") + turn.to_bytes(8, "big")
    return domain("sweep", chain_id).hash(place, order_id)


def expiry_id(chain_id: str, order_id: bytes) -> bytes:
    """Stands for a transaction's id in the ids of coins that an order gives back which ends without
    one of its trader's: it has expired, a halt has cancelled it, or a better one put it out."""
    return domain("expiry", chain_id).hash(order_id)


def owners_of(coin: Coin) -> tuple[bytes, ...]:
    """The addresses under which the coin is listed; none for what is the chain's own."""
    match coin:
        case Cash() | Energy() | HeldEnergy() | Credit() | Meter() | Validator():
            return (coin.owner,)
        case SellOrder() | BuyOrder() | ForwardSell() | ForwardBuy():
            return (coin.trader,)
        case Contract():
            return (coin.buyer, coin.seller)
        case Licence():
            return (coin.holder,)
        case Proposal() if coin.deposit_ugtx:
            return (coin.proposer,)
        case _:
            return ()
