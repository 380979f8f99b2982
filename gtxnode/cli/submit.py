"""From an account's coins to a transaction that the node has taken, and its status.

Coins are read page by page from final state, the body is built by `ledger/wallet.py`, and
the verdict of the node, or of the block, comes back as the command's answer.
"""

import time
from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import trio

from consensus.signing import public_key
from gtxnode.cli.connection import shard_of
from gtxnode.cli.exits import CommandFailed, Exit
from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import Body
from gtxnode.ledger.coins import (
    BuyOrder,
    Cash,
    Credit,
    Energy,
    Order,
    SellOrder,
    decode_coin,
    order_id_of,
)
from gtxnode.ledger.delivery.forward_coins import ForwardBuy, ForwardOrder, ForwardSell
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.addresses import Address, address_of, format_address

if TYPE_CHECKING:
    from gtxnode.rpc.client import Client

COIN_PAGE = 1_000
MAX_COINS = 100_000
"""Coins read of one account; one that has more spends what was read first."""
MIN_FEE = "min_fee_ugtx"


def now_ms() -> int:
    """The time at which an act is signed, in ms since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a body is built from: the chain with its time and least fee, who signs, the coins."""

    chain_id: str
    owner: Address
    cash: tuple[tuple[bytes, Cash], ...]
    energy: tuple[tuple[bytes, Energy], ...]
    time_ms: int
    min_fee_ugtx: int
    credits: tuple[tuple[bytes, Credit], ...] = ()
    orders: Mapping[bytes, Order | ForwardOrder] = field(default_factory=dict)
    """Open orders of both markets, by the id of what placed them."""


Build: TypeAlias = Callable[[Holdings], Body]


async def submit(
    client: "Client",
    shard: str | None,
    private_key: bytes,
    build: Build,
    *,
    wait_s: float | None,
    also: Sequence[bytes] = (),
) -> dict[str, Any]:
    """Build, sign and send; the transaction's id and where it stands.

    `also` are keys that sign beside it. With `wait_s`, where it stands after a block holds it.
    `CommandFailed` (refused) with the reason where the node or the block says no, and when that
    time has passed.
    """
    name = await shard_of(client, shard)
    head = await client.call("chain.head", shard=name)
    holdings = await _holdings(client, name, head, address_of(public_key(private_key)))
    transaction = wallet.sign(head["chain_id"], build(holdings), private_key, *also)
    return await deliver(client, name, transaction, wait_s=wait_s)


async def deliver(
    client: "Client", name: str, transaction: CheckedTransaction, *, wait_s: float | None
) -> dict[str, Any]:
    """Send what is signed to a shard; as `submit`."""
    if wait_s is None:
        return await _send(client, name, transaction.encoded)
    # Subscribed before it is sent, so that its block cannot slip by.
    async with client.subscribe(name, "blocks") as events:
        await _send(client, name, transaction.encoded)
        try:
            with trio.fail_after(wait_s):
                return await _settled(client, name, transaction.id, events)
        except trio.TooSlowError as error:
            message = f"{transaction.id.hex()} was taken, and is not final after {wait_s:g} s"
            raise CommandFailed("not_final", message, Exit.TIMED_OUT) from error


async def _holdings(client: "Client", shard: str, head: dict[str, Any], owner: Address) -> Holdings:
    cash: list[tuple[bytes, Cash]] = []
    energy: list[tuple[bytes, Energy]] = []
    credits: list[tuple[bytes, Credit]] = []
    orders: dict[bytes, Order | ForwardOrder] = {}
    after: str | None = None
    for _ in range(MAX_COINS // COIN_PAGE):
        page = await client.call(
            "account.coins",
            shard=shard,
            address=format_address(owner),
            after=after,
            limit=COIN_PAGE,
        )
        for item in page["coins"]:
            coin_id = bytes.fromhex(item["id"])
            match decode_coin(bytes.fromhex(item["encoded"])):
                case Cash() as coin:
                    cash.append((coin_id, coin))
                case Energy() as coin:
                    energy.append((coin_id, coin))
                case Credit() as coin:
                    credits.append((coin_id, coin))
                case SellOrder() | BuyOrder() | ForwardSell() | ForwardBuy() as order:
                    orders[order_id_of(coin_id)] = order
                case _:  # meters and stakes are not spent by paying
                    pass
        after = page["next"]
        if after is None:
            break
    fee = await _min_fee(client, shard)
    return Holdings(
        head["chain_id"],
        owner,
        tuple(cash),
        tuple(energy),
        head["time_ms"],
        fee,
        tuple(credits),
        orders,
    )


async def _min_fee(client: "Client", shard: str) -> int:
    for chain in await client.call("node.parameters"):
        if chain["shard"] == shard:
            return int(chain["parameters"].get(MIN_FEE, ChainParameters().min_fee_ugtx))
    return ChainParameters().min_fee_ugtx


async def _send(client: "Client", shard: str, encoded: bytes) -> dict[str, Any]:
    verdict = await client.call("tx.send", shard=shard, transaction=encoded.hex())
    if verdict["status"] == "rejected":
        raise _refused(verdict["refusal"])
    return {"shard": shard, "id": verdict["id"], "status": verdict["status"]}


async def _settled(
    client: "Client", shard: str, identity: bytes, blocks: AsyncIterable[object]
) -> dict[str, Any]:
    """Where the transaction stands once it is pending no more; looked at with every block."""
    status = await client.call("tx.status", shard=shard, id=identity.hex())
    if status["state"] == "pending":
        async for _ in blocks:
            status = await client.call("tx.status", shard=shard, id=identity.hex())
            if status["state"] != "pending":
                break
    if status["state"] == "refused":
        raise _refused(status["refusal"])
    if status["state"] == "dropped":
        message = f"{identity.hex()} was dropped before a block took it; send it again"
        raise CommandFailed("dropped", message, Exit.REFUSED)
    return {
        "shard": shard,
        "id": status["id"],
        "status": status["state"],
        "height": status["height"],
    }


def _refused(refusal: dict[str, str]) -> CommandFailed:
    return CommandFailed(refusal["reason"], refusal["message"], Exit.REFUSED)
