"""`gtxnode tx meter`: what a utility says of meters, and records that foreign meters signed.

Changes of a meter are numbered: the number comes from the node, just before the change is signed.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from consensus.signing import public_key
from gtxnode.cli.accounts import ACCOUNT, signing_key
from gtxnode.cli.amounts import COIN_ID, METER_ID, METER_KEY
from gtxnode.cli.connection import ask, shard_of
from gtxnode.cli.lazy import Lazy, LazyGroup
from gtxnode.cli.render import emit
from gtxnode.cli.submit import submit
from gtxnode.cli.tx import MEMO, send_body, sending_options
from gtxnode.home import read_private_key
from gtxnode.ledger.bodies import (
    Body,
    HomeMeter,
    JudgeHeld,
    RegisterMeter,
    ResetMeter,
    RetireMeter,
    RotateMeterKey,
    SubmitRecord,
    TransferMeter,
)
from gtxnode.ledger.bodies.meters import MAX_CARRIED_RECORD_BYTES
from gtxnode.metering.meters import (
    MAX_CAPACITY_W,
    MAX_TIME_S,
    Direction,
    KeyCurve,
    RecordKey,
    meter_id_of,
)
from gtxnode.primitives.provinces import Province
from gtxnode.primitives.sources import Source
from gtxnode.primitives.units import MAX_AMOUNT
from gtxnode.primitives.zones import REGISTRY, ZONES_OF_SHARD, Shard

F = TypeVar("F", bound=Callable[..., Any])
Change = Callable[[dict[str, Any]], Body]
"""The change of a meter, from what the node says of it now."""

COMMANDS = {
    "home": Lazy("gtxnode.cli.meter:home", "Say on which chain a meter's key counts."),
    "register": Lazy("gtxnode.cli.meter:register", "Make a meter known."),
    "rotate-key": Lazy("gtxnode.cli.meter:rotate_key", "Give a meter another key."),
    "reset": Lazy("gtxnode.cli.meter:reset", "State what a repaired meter's registers show."),
    "transfer": Lazy("gtxnode.cli.meter:transfer", "Give a meter another owner."),
    "retire": Lazy("gtxnode.cli.meter:retire", "Take a meter out of service for good."),
    "release": Lazy(
        "gtxnode.cli.meter:release", "Let what is held count: it becomes its owners' energy."
    ),
    "void": Lazy("gtxnode.cli.meter:void", "Declare void what is held: it never becomes energy."),
    "record": Lazy("gtxnode.cli.meter:record", "Bring what a foreign meter signed."),
}
PROVINCES = click.Choice([each.name.lower() for each in Province])
SOURCES = click.Choice([each.name.lower() for each in Source])
CURVES = click.Choice([each.name.lower() for each in KeyCurve])
CHAINS = click.Choice([shard.value for shard, zones in ZONES_OF_SHARD.items() if zones])
WH = click.IntRange(0, MAX_AMOUNT)
SECONDS = click.IntRange(0, MAX_TIME_S)


@click.group(cls=LazyGroup, lazy=COMMANDS)
def meter() -> None:
    """What a utility says of meters.

    The utility of the territory signs; what a foreign meter signed is brought by anyone.
    Ids and keys are hexadecimal; capacities are in W, registers in Wh, times in seconds since 1970.
    """


def record_key_options(command: F) -> F:
    """A foreign meter's key, where its readings are records in a format of its own."""
    for option in (
        click.option("--context", default="", help="Which of its counts: T or F in OCMF."),
        click.option("--serial", default="", help="Its serial, as its records have it."),
        click.option(
            "--curve", type=CURVES, default="secp256r1", show_default=True, help="Its key's."
        ),
        click.option("--record-key", help="A foreign meter's key, in hexadecimal or base64."),
    ):
        command = option(command)
    return command


@click.command()
@sending_options
@record_key_options
@click.option("--public-key", "native_key", type=METER_KEY, help="A native meter's key.")
@click.option("--meter", "id", type=METER_ID, help="Its id.  [default: from its key]")
@click.option("--owner", type=ACCOUNT, required=True, help="Whose its energy is.")
@click.option("--province", type=PROVINCES, required=True, help="Where it stands.")
@click.option("--source", type=SOURCES, required=True, help="What it is made from.")
@click.option(
    "--capacity-w",
    type=click.IntRange(1, MAX_CAPACITY_W),
    required=True,
    help="What may flow through it, either way, in W.",
)
@click.option("--consumption-only", is_flag=True, help="It never exports.")
@click.option("--installed-s", type=SECONDS, help="In seconds since 1970.  [default: now]")
@click.option("--import-wh", type=WH, default=0, help="What its import register shows, in Wh.")
@click.option("--export-wh", type=WH, default=0, help="And its export register: never minted.")
def register(
    native_key: bytes | None,
    record_key: str | None,
    curve: str,
    serial: str,
    context: str,
    id: bytes | None,
    owner: bytes,
    province: str,
    source: str,
    capacity_w: int,
    consumption_only: bool,
    installed_s: int | None,
    import_wh: int,
    export_wh: int,
    **sending: Any,
) -> None:
    """Make a meter known.

    With the key of a native meter, or of a foreign one. The utility of the province signs.
    """
    key = _key(native_key, record_key, curve, serial, context)

    send_body(
        lambda held: RegisterMeter(
            id or meter_id_of(key if isinstance(key, bytes) else key.point),
            key,
            owner,
            Province[province.upper()],
            Source[source.upper()],
            capacity_w,
            Direction.CONSUMPTION_ONLY if consumption_only else Direction.BOTH,
            held.time_ms // 1_000 if installed_s is None else installed_s,
            import_wh,
            export_wh,
        ),
        **sending,
    )


@click.command()
@sending_options
@record_key_options
@click.option("--public-key", "native_key", type=METER_KEY, help="A native meter's key.")
@click.option("--meter", "id", type=METER_ID, help="Its id.  [default: from its key]")
@click.option("--on", "where", type=CHAINS, required=True, help="The chain that it counts on.")
def home(
    native_key: bytes | None,
    record_key: str | None,
    curve: str,
    serial: str,
    context: str,
    id: bytes | None,
    where: str,
    **sending: Any,
) -> None:
    """Say on which chain a meter's key counts.

    Once and for good, on func_governance where --shard names no other: no other chain of the
    network ever registers a meter with that key. A utility signs, before it registers the
    meter or gives it that key. Keys are in hexadecimal.
    """
    key = _key(native_key, record_key, curve, serial, context)
    meter = id or meter_id_of(key if isinstance(key, bytes) else key.point)
    sending["shard"] = sending["shard"] or REGISTRY.value
    send_body(lambda _: HomeMeter(meter, key, Shard(where)), **sending)


@click.command("rotate-key")
@sending_options
@record_key_options
@click.option(
    "--new-key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The meter's new private key, which signs as well.",
)
@click.argument("id", metavar="METER", type=METER_ID)
def rotate_key(
    id: bytes,
    new_key_file: Path | None,
    record_key: str | None,
    curve: str,
    serial: str,
    context: str,
    **sending: Any,
) -> None:
    """Give a meter another key.

    A native meter's new key signs too, to show that somebody holds it.
    """
    private_key = None if new_key_file is None else read_private_key(new_key_file)
    native_key = None if private_key is None else public_key(private_key)
    key = _key(native_key, record_key, curve, serial, context)
    also = () if private_key is None else (private_key,)
    _change(id, lambda now: RotateMeterKey(id, now["revision"] + 1, key), also, **sending)


@click.command()
@sending_options
@click.option("--import-wh", type=WH, required=True, help="What its import register shows, in Wh.")
@click.option("--export-wh", type=WH, required=True, help="And its export register: not minted.")
@click.option("--from-s", type=SECONDS, required=True, help="From when it is read again.")
@click.argument("id", metavar="METER", type=METER_ID)
def reset(id: bytes, import_wh: int, export_wh: int, from_s: int, **sending: Any) -> None:
    """State what a repaired meter's registers show.

    What flowed until then is never minted. Its counter begins anew.
    """

    def change(now: dict[str, Any]) -> Body:
        return ResetMeter(id, now["revision"] + 1, from_s, import_wh, export_wh)

    _change(id, change, (), **sending)


@click.command()
@sending_options
@click.option("--owner", type=ACCOUNT, required=True, help="Whose it is now.")
@click.option(
    "--from-s",
    type=SECONDS,
    help="Since when, in seconds since 1970.  [default: the end of its last reading]",
)
@click.argument("id", metavar="METER", type=METER_ID)
def transfer(id: bytes, owner: bytes, from_s: int | None, **sending: Any) -> None:
    """Give a meter another owner.

    What it metered until then stays the former owner's, and so do his contracts; his offers
    on it end. Energy is in Wh.
    """

    def change(now: dict[str, Any]) -> Body:
        at_s = now["last_end_s"] if from_s is None else from_s
        return TransferMeter(id, now["revision"] + 1, owner, at_s)

    _change(id, change, (), **sending)


@click.command()
@sending_options
@click.argument("id", metavar="METER", type=METER_ID)
def retire(id: bytes, **sending: Any) -> None:
    """Take a meter out of service for good.

    Its id is never used again.
    """
    _change(id, lambda now: RetireMeter(id, now["revision"] + 1), (), **sending)


def judging(command: F) -> F:
    """What release and void take."""
    coins = click.argument("coins", metavar="ID...", type=COIN_ID, nargs=-1, required=True)
    memo = click.option("--memo", type=MEMO, default=b"", help="A note of at most 64 bytes.")
    return sending_options(memo(coins(command)))


@click.command()
@judging
def release(coins: tuple[bytes, ...], memo: bytes, **sending: Any) -> None:
    """Let what is held count: it becomes its owners' energy.

    IDs are those of `gtxnode query held`.
    """
    send_body(lambda _: JudgeHeld(coins, True, memo), **sending)


@click.command()
@judging
def void(coins: tuple[bytes, ...], memo: bytes, **sending: Any) -> None:
    """Declare void what is held: it never becomes energy.

    IDs are those of `gtxnode query held`.
    """
    send_body(lambda _: JudgeHeld(coins, False, memo), **sending)


@click.command()
@sending_options
@click.argument("id", metavar="METER", type=METER_ID)
@click.argument("file", type=click.File("rb"))
def record(id: bytes, file: Any, **sending: Any) -> None:
    """Bring what a foreign meter signed.

    FILE holds one OCMF or COSE_Sign1 record, as it was received; - is standard input.
    """
    data = file.read(MAX_CARRIED_RECORD_BYTES + 1)
    if not 0 < len(data) <= MAX_CARRIED_RECORD_BYTES:
        raise click.UsageError(f"a record is 1 to {MAX_CARRIED_RECORD_BYTES} bytes")

    def reading(now: dict[str, Any]) -> Body:
        about = now.get("record_key")
        if about is None:
            raise click.UsageError("the meter is registered with a native key")
        key = RecordKey(
            KeyCurve[about["curve"].upper()],
            bytes.fromhex(now["public_key"]),
            about["serial"],
            about["context"],
        )
        return SubmitRecord(id, key, data)

    _change(id, reading, (), **sending)


def _change(
    id: bytes,
    change: Change,
    also: tuple[bytes, ...],
    *,
    url: str | None,
    timeout_s: float,
    shard: str | None,
    key: str | None,
    key_file: Path | None,
    passphrase_file: Path | None,
    wait: bool,
) -> None:
    """Ask what the meter is, build from that, sign with all keys, and send."""
    private_key = signing_key(key, key_file, passphrase_file)
    wait_s = timeout_s if wait else None

    async def conversation(client: Any) -> Any:
        name = await shard_of(client, shard)
        body = change(await client.call("meter.get", shard=name, meter=id.hex()))
        return await submit(client, name, private_key, lambda _: body, wait_s=wait_s, also=also)

    emit(ask(url, timeout_s, conversation, waits_s=wait_s or 0))


def _key(
    native_key: bytes | None, record_key: str | None, curve: str, serial: str, context: str
) -> bytes | RecordKey:
    """The key that was named: exactly one of the two kinds."""
    if (native_key is None) == (record_key is None):
        raise click.UsageError("Name one key: a native meter's, or --record-key.")
    if native_key is not None:
        return native_key
    assert record_key is not None, "one of the two is given"
    if not serial:
        raise click.UsageError("--record-key goes with the --serial of the meter's records.")

    from gtxnode.metering.curves import Curve, parse_key
    from gtxnode.metering.faults import BadRecord

    try:
        point = parse_key(record_key, Curve[curve.upper()]).point
    except BadRecord as bad:
        raise click.UsageError(f"--record-key: {bad}") from bad
    return RecordKey(KeyCurve[curve.upper()], point, serial, context)
