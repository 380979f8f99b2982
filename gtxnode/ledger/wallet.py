"""What a wallet does: choose coins, write a body, sign it.

The builders are pure: they take the coins that the wallet knows of and return a body; `sign` binds
it to a chain. Coins are pairs of id and coin, as `account.coins` lists them; which of them are
taken is said in coin_choice.py.
"""

from collections.abc import Iterable, Sequence

from consensus import signing
from consensus.hashing import ZERO_HASH
from gtxnode.ledger.bodies import (
    Amend,
    AssignContract,
    Body,
    CastVote,
    ForwardBid,
    ForwardOffer,
    FundGrid,
    PlaceBuy,
    PlaceSell,
    Propose,
    Registration,
    Retire,
    RetireCredits,
    Serve,
    Stake,
    Transfer,
    Unjail,
    Unstake,
)
from gtxnode.ledger.bodies.fields import MAX_INPUTS, Output
from gtxnode.ledger.coin_choice import (
    CashCoins,
    CreditCoins,
    EnergyCoins,
    kind_of,
    take_cash,
    take_credits,
    take_energy,
    take_one_kind,
)
from gtxnode.ledger.coin_choice import InsufficientFunds as InsufficientFunds
from gtxnode.ledger.coins import (
    MAX_LOTS,
    BuyOrder,
    Cash,
    Credit,
    Energy,
    Order,
    SellOrder,
)
from gtxnode.ledger.delivery.forward_coins import ForwardBuy, ForwardOrder
from gtxnode.ledger.registry.amendments import Change
from gtxnode.ledger.registry.validators import possession_digest
from gtxnode.ledger.registry.votes import Choice
from gtxnode.ledger.transactions import (
    CheckedTransaction,
    Transaction,
    UnverifiedTransaction,
    Witness,
    encode_transaction,
    transaction_id,
)
from gtxnode.market.orders import Terms
from gtxnode.market.slots import Slot
from gtxnode.primitives.sources import Source
from gtxnode.primitives.units import cost_ugtx
from gtxnode.primitives.zones import Shard, Zone


def sign(chain_id: str, body: Body, *private_keys: bytes) -> CheckedTransaction:
    """Sign a body for a chain; `.encoded` is what is sent and `.id` what it is known by."""
    identity = transaction_id(chain_id, body)
    keys = sorted((signing.public_key(key), key) for key in set(private_keys))
    witnesses = tuple(Witness(public, signing.sign(key, identity)) for public, key in keys)
    encoded = encode_transaction(Transaction(body, witnesses))
    return UnverifiedTransaction(identity, body, witnesses, encoded).verified()


def pay(
    owner: bytes, cash: CashCoins, to: bytes, amount_ugtx: int, fee_ugtx: int, memo: bytes = b""
) -> Transfer:
    """Pay an amount; the change goes back to the owner."""
    inputs, total = take_cash(cash, amount_ugtx + fee_ugtx, MAX_INPUTS)
    outputs: list[Output] = [Cash(to, amount_ugtx)]
    outputs += _change(owner, total - amount_ugtx - fee_ugtx)
    return Transfer(inputs, tuple(outputs), memo)


def give_energy(
    owner: bytes,
    energy: EnergyCoins,
    cash: CashCoins,
    to: bytes,
    amount_wh: int,
    fee_ugtx: int,
    memo: bytes = b"",
) -> Transfer:
    """Hand energy over without payment; each coin keeps its origin."""
    taken, over_wh = take_energy(energy, amount_wh, MAX_INPUTS - 1)
    inputs, total = take_cash(cash, fee_ugtx, MAX_INPUTS - len(taken))
    outputs: list[Output] = []
    for index, (_, coin) in enumerate(taken):
        kept_wh = over_wh if index == len(taken) - 1 else 0
        outputs.append(Energy(to, coin.amount_wh - kept_wh, coin.origin))
    outputs += _energy_change(owner, taken, over_wh)
    outputs += _change(owner, total - fee_ugtx)
    return Transfer(_ids(taken) + inputs, tuple(outputs), memo)


def retire(
    owner: bytes,
    energy: EnergyCoins,
    cash: CashCoins,
    amount_wh: int,
    fee_ugtx: int,
    *,
    consumer: bytes | None = None,
    memo: bytes = b"",
    meter: bytes | None = None,
) -> Retire:
    """Consume energy in the name of `consumer`, or of the owner.

    With a meter of the consumer's it covers that meter's import, else it is voluntary.
    """
    taken, over_wh = take_energy(energy, amount_wh, MAX_INPUTS - 1)
    inputs, total = take_cash(cash, fee_ugtx, MAX_INPUTS - len(taken))
    outputs = _energy_change(owner, taken, over_wh) + _change(owner, total - fee_ugtx)
    return Retire(_ids(taken) + inputs, tuple(outputs), consumer or owner, memo, meter)


def give_credits(
    owner: bytes,
    credits: CreditCoins,
    cash: CashCoins,
    to: bytes,
    amount_mgco2e: int,
    fee_ugtx: int,
    memo: bytes = b"",
) -> Transfer:
    """Hand carbon credits over."""
    taken, over_mg = take_credits(credits, amount_mgco2e)
    inputs, total = take_cash(cash, fee_ugtx, MAX_INPUTS - len(taken))
    outputs: list[Output] = [Credit(to, amount_mgco2e)]
    outputs += [Credit(owner, over_mg)] if over_mg else []
    outputs += _change(owner, total - fee_ugtx)
    return Transfer(taken + inputs, tuple(outputs), memo)


def retire_credits(
    owner: bytes,
    credits: CreditCoins,
    cash: CashCoins,
    amount_mgco2e: int,
    fee_ugtx: int,
    *,
    beneficiary: bytes | None = None,
    memo: bytes = b"",
) -> RetireCredits:
    """Use carbon credits up in the name of `beneficiary`, or of the owner."""
    taken, over_mg = take_credits(credits, amount_mgco2e)
    inputs, total = take_cash(cash, fee_ugtx, MAX_INPUTS - len(taken))
    outputs: list[Output] = [Credit(owner, over_mg)] if over_mg else []
    outputs += _change(owner, total - fee_ugtx)
    return RetireCredits(taken + inputs, tuple(outputs), beneficiary or owner, memo)


def sell(
    trader: bytes,
    energy: EnergyCoins,
    quantity_wh: int,
    price_mgtx_per_kwh: int,
    expires_s: int = 0,
    *,
    immediate: bool = False,
    terms: Terms | None = None,
    source: Source | None = None,
) -> PlaceSell:
    """Offer energy at a price or better: of the source, or of the kind that has lain longest."""
    taken = take_one_kind(energy, quantity_wh, source)
    return PlaceSell(
        trader, _ids(taken), quantity_wh, price_mgtx_per_kwh, expires_s, immediate, terms
    )


def buy(
    trader: bytes,
    cash: CashCoins,
    quantity_wh: int,
    price_mgtx_per_kwh: int,
    expires_s: int = 0,
    *,
    immediate: bool = False,
    terms: Terms | None = None,
) -> PlaceBuy:
    """Ask for energy at a price or better."""
    inputs, _ = take_cash(cash, cost_ugtx(quantity_wh, price_mgtx_per_kwh), MAX_LOTS)
    return PlaceBuy(trader, inputs, quantity_wh, price_mgtx_per_kwh, expires_s, immediate, terms)


def amend(
    order_id: bytes,
    order: Order,
    energy: EnergyCoins,
    cash: CashCoins,
    quantity_wh: int,
    price_mgtx_per_kwh: int,
) -> Amend:
    """Change what is left of an open order, with more of what it holds if it needs it."""
    inputs: tuple[bytes, ...] = ()
    match order:
        case SellOrder() if quantity_wh > order.quantity_wh:
            offered = kind_of(order.lots[0].origin)
            same = [(coin_id, coin) for coin_id, coin in energy if kind_of(coin.origin) == offered]
            inputs = _ids(take_energy(same, quantity_wh - order.quantity_wh, MAX_LOTS)[0])
        case BuyOrder():
            lacking_ugtx = cost_ugtx(quantity_wh, price_mgtx_per_kwh) - order.locked_ugtx
            inputs, _ = take_cash(cash, lacking_ugtx, MAX_LOTS)
        case _:
            pass
    return Amend(order_id, quantity_wh, price_mgtx_per_kwh, inputs, order.revision + 1)


def forward_offer(
    trader: bytes,
    cash: CashCoins,
    slot: Slot,
    meter: bytes,
    quantity_wh: int,
    price_mgtx_per_kwh: int,
    collateral_mgtx_per_kwh: int,
    *,
    expires_s: int = 0,
    immediate: bool = False,
    terms: Terms | None = None,
) -> ForwardOffer:
    """Offer what a meter is to export in a slot; `ImbalanceRule.collateral` says what is locked."""
    inputs, _ = take_cash(cash, max(1, quantity_wh * collateral_mgtx_per_kwh), MAX_LOTS)
    limit = (quantity_wh, price_mgtx_per_kwh, expires_s)
    return ForwardOffer(trader, inputs, slot, meter, *limit, immediate, terms)


def forward_bid(
    trader: bytes,
    cash: CashCoins,
    slot: Slot,
    zone: Zone,
    quantity_wh: int,
    price_mgtx_per_kwh: int,
    *,
    expires_s: int = 0,
    immediate: bool = False,
    terms: Terms | None = None,
) -> ForwardBid:
    """Ask for energy in a slot, to be used in a zone."""
    inputs, _ = take_cash(cash, cost_ugtx(quantity_wh, price_mgtx_per_kwh), MAX_LOTS)
    limit = (quantity_wh, price_mgtx_per_kwh, expires_s)
    return ForwardBid(trader, inputs, slot, zone, *limit, immediate, terms)


def amend_ahead(
    order_id: bytes,
    order: ForwardOrder,
    cash: CashCoins,
    quantity_wh: int,
    price_mgtx_per_kwh: int,
    collateral_mgtx_per_kwh: int,
) -> Amend:
    """Change what is left of an open order for a slot, with more GTX if it needs it.

    The collateral is what an offer at the new price locks; a bid locks its price.
    """
    each = price_mgtx_per_kwh if isinstance(order, ForwardBuy) else collateral_mgtx_per_kwh
    shrinks = price_mgtx_per_kwh == order.price_mgtx_per_kwh and quantity_wh <= order.quantity_wh
    lacking_ugtx = 0 if shrinks else quantity_wh * each - order.locked_ugtx
    inputs, _ = take_cash(cash, lacking_ugtx, MAX_LOTS)
    return Amend(order_id, quantity_wh, price_mgtx_per_kwh, inputs, order.revision + 1)


def assign_contract(
    owner: bytes, cash: CashCoins, contract: bytes, to: bytes, fee_ugtx: int
) -> AssignContract:
    """Hand a contract on that the owner has bought in."""
    inputs, total = take_cash(cash, fee_ugtx, MAX_INPUTS)
    return AssignContract(contract, to, inputs, _cash_change(owner, total - fee_ugtx))


def prove_possession(
    chain_id: str,
    validator_key: bytes,
    owner: bytes,
    region: Zone,
    seed_commitment: bytes = ZERO_HASH,
    shards: Sequence[Shard] = (),
) -> Registration:
    """What a validator is registered with, made where its private key is."""
    digest = possession_digest(chain_id, signing.public_key(validator_key), owner)
    possession = signing.sign(validator_key, digest)
    return Registration(owner, region, possession, seed_commitment, tuple(sorted(shards)))


def stake(
    owner: bytes,
    cash: CashCoins,
    validator: bytes,
    amount_ugtx: int,
    fee_ugtx: int,
    registration: Registration | None = None,
) -> Stake:
    """Lock GTX behind a validator; with a registration, a new one."""
    inputs, total = take_cash(cash, amount_ugtx + fee_ugtx, MAX_INPUTS)
    change = _cash_change(owner, total - amount_ugtx - fee_ugtx)
    return Stake(validator, inputs, amount_ugtx, change, registration)


def fund_grid(owner: bytes, cash: CashCoins, amount_ugtx: int, fee_ugtx: int) -> FundGrid:
    """Pay into the fund out of which curtailment is compensated."""
    inputs, total = take_cash(cash, amount_ugtx + fee_ugtx, MAX_INPUTS)
    return FundGrid(inputs, amount_ugtx, _cash_change(owner, total - amount_ugtx - fee_ugtx))


def unstake(
    owner: bytes, cash: CashCoins, validator: bytes, amount_ugtx: int, fee_ugtx: int
) -> Unstake:
    """Begin to take stake back."""
    inputs, total = take_cash(cash, fee_ugtx, MAX_INPUTS)
    return Unstake(validator, inputs, amount_ugtx, _cash_change(owner, total - fee_ugtx))


def unjail(owner: bytes, cash: CashCoins, validator: bytes, fee_ugtx: int) -> Unjail:
    """Let a validator return whose jail term is over."""
    inputs, total = take_cash(cash, fee_ugtx, MAX_INPUTS)
    return Unjail(validator, inputs, _cash_change(owner, total - fee_ugtx))


def propose(
    proposer: bytes,
    cash: CashCoins,
    title: str,
    changes: Iterable[Change],
    deposit_ugtx: int,
    fee_ugtx: int,
    activation_epoch: int = 0,
) -> Propose:
    """Propose other parameters; the deposit is locked until the proposal has been voted on."""
    inputs, total = take_cash(cash, deposit_ugtx + fee_ugtx, MAX_INPUTS)
    over = _cash_change(proposer, total - deposit_ugtx - fee_ugtx)
    return Propose(proposer, inputs, title, tuple(changes), activation_epoch, over)


def vote(
    owner: bytes, cash: CashCoins, proposal: int, validator: bytes, choice: Choice, fee_ugtx: int
) -> CastVote:
    """Vote on a proposal with the stake of a validator that belongs to `owner`."""
    inputs, total = take_cash(cash, fee_ugtx, MAX_INPUTS)
    return CastVote(proposal, validator, choice, inputs, _cash_change(owner, total - fee_ugtx))


def serve(
    owner: bytes, cash: CashCoins, validator: bytes, shards: Sequence[Shard], fee_ugtx: int
) -> Serve:
    """Say anew on which chains a validator votes; on all where none is named."""
    inputs, total = take_cash(cash, fee_ugtx, MAX_INPUTS)
    change = _cash_change(owner, total - fee_ugtx)
    return Serve(validator, tuple(sorted(shards)), inputs, change)


def _ids(taken: Sequence[tuple[bytes, Energy]]) -> tuple[bytes, ...]:
    return tuple(coin_id for coin_id, _ in taken)


def _change(owner: bytes, over_ugtx: int) -> list[Output]:
    return [*_cash_change(owner, over_ugtx)]


def _cash_change(owner: bytes, over_ugtx: int) -> tuple[Cash, ...]:
    return (Cash(owner, over_ugtx),) if over_ugtx else ()


def _energy_change(
    owner: bytes, taken: Sequence[tuple[bytes, Energy]], over_wh: int
) -> list[Output]:
    return [Energy(owner, over_wh, taken[-1][1].origin)] if over_wh else []
