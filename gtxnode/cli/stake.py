"""`gtxnode tx stake`, `unstake`, `unjail` and `serve`: what a validator's owner does.

The owner's key signs; the validator's own key is needed once, to register it, and only to prove
that it is there. Stakes are held on the registry, so that is the shard unless another is named.
"""

from typing import Any

import click

from gtxnode.cli.amounts import GTX, SEED_COMMITMENT, VALIDATOR_KEY
from gtxnode.cli.session import session
from gtxnode.cli.submit import Holdings
from gtxnode.cli.tx import fee_option, send_body, sending_options
from gtxnode.home import Home, read_private_key
from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import Body
from gtxnode.primitives.zones import REGISTRY, Shard, Zone

SHARD = click.Choice([each.value for each in Shard])
REGIONS = tuple(zone.name.lower() for zone in Zone)

validator_option = click.option(
    "--validator",
    type=VALIDATOR_KEY,
    help="The validator's public key.  [default: that of this home's node]",
)


@click.command()
@sending_options
@fee_option
@validator_option
@click.option(
    "--register",
    "region",
    type=click.Choice(REGIONS),
    help="Make this home's validator known, in this region.",
)
@click.option(
    "--seed-commitment",
    type=SEED_COMMITMENT,
    help="With --register: the end of a hash chain of its own.  [default: its node commits to one]",
)
@click.option(
    "--serves",
    "shards",
    type=SHARD,
    multiple=True,
    help="With --register: a chain to vote on, beside the registry; may be repeated.  "
    "[default: every one]",
)
@click.argument("amount_ugtx", metavar="GTX", type=GTX)
def stake(
    amount_ugtx: int,
    validator: bytes | None,
    region: str | None,
    seed_commitment: bytes | None,
    shards: tuple[str, ...],
    fee_ugtx: int | None,
    **sending: Any,
) -> None:
    """Lock GTX behind a validator.

    It votes with it from the epoch after the next. A new validator is registered with
    --register, for which its key has to be in this home; it belongs to who signs.
    """
    if region is None and seed_commitment is not None:
        raise click.UsageError("--seed-commitment goes with --register.")
    if region is None and shards:
        raise click.UsageError("--serves goes with --register; `tx serve` changes it.")
    if region is not None and validator is not None:
        raise click.UsageError("--register is for this home's validator; leave out --validator.")
    node_key = read_private_key(Home(session().home).validator_key) if region is not None else None
    target = validator or home_validator()

    def build(held: Holdings) -> Body:
        registration = None
        if node_key is not None and region is not None:
            registration = wallet.prove_possession(
                held.chain_id,
                node_key,
                held.owner,
                Zone[region.upper()],
                seed_commitment or bytes(32),
                [*map(Shard, shards)],
            )
        fee = held.min_fee_ugtx if fee_ugtx is None else fee_ugtx
        return wallet.stake(held.owner, held.cash, target, amount_ugtx, fee, registration)

    send_body(build, **on_registry(sending))


@click.command()
@sending_options
@fee_option
@validator_option
@click.argument("amount_ugtx", metavar="GTX", type=GTX)
def unstake(
    amount_ugtx: int, validator: bytes | None, fee_ugtx: int | None, **sending: Any
) -> None:
    """Take stake back.

    It unbonds for the chain's unbonding time and is then paid out by itself. Until then it
    can be slashed for what the validator has signed.
    """
    target = validator or home_validator()

    def build(held: Holdings) -> Body:
        fee = held.min_fee_ugtx if fee_ugtx is None else fee_ugtx
        return wallet.unstake(held.owner, held.cash, target, amount_ugtx, fee)

    send_body(build, **on_registry(sending))


@click.command()
@sending_options
@fee_option
@validator_option
def unjail(validator: bytes | None, fee_ugtx: int | None, **sending: Any) -> None:
    """Let a validator return from jail.

    Once its term is over, and with enough staked to vote.
    """
    target = validator or home_validator()

    def build(held: Holdings) -> Body:
        fee = held.min_fee_ugtx if fee_ugtx is None else fee_ugtx
        return wallet.unjail(held.owner, held.cash, target, fee)

    send_body(build, **on_registry(sending))


@click.command()
@sending_options
@fee_option
@validator_option
@click.argument("shards", nargs=-1, type=SHARD)
def serve(
    shards: tuple[str, ...], validator: bytes | None, fee_ugtx: int | None, **sending: Any
) -> None:
    """Say on which chains a validator votes.

    On every one where none is named; on the registry in any case. It holds from the epoch
    after the next.
    """
    target = validator or home_validator()
    named = [Shard(each) for each in sorted(set(shards))]

    def build(held: Holdings) -> Body:
        fee = held.min_fee_ugtx if fee_ugtx is None else fee_ugtx
        return wallet.serve(held.owner, held.cash, target, named, fee)

    send_body(build, **on_registry(sending))


def home_validator() -> bytes:
    """The public key of the validator of this home; `UnusableKey` where there is none."""
    from consensus.signing import public_key

    return public_key(read_private_key(Home(session().home).validator_key))


def on_registry(sending: dict[str, Any]) -> dict[str, Any]:
    """What sending takes, with the registry for the shard where none is named."""
    return {**sending, "shard": sending["shard"] or REGISTRY.value}
