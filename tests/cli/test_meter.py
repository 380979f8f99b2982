"""`gtxnode tx meter` against a real ledger: what a utility says, what a foreign meter signed."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from consensus import signing
from gtxnode.cli.exits import Exit
from gtxnode.home import write_private_key
from gtxnode.ledger.coins import (
    HeldEnergy,
    Origin,
    Supply,
    decode_coin,
    encode_coin,
    meter_coin_id,
    supply_coin_id,
)
from gtxnode.metering.anomalies import Suspicion
from gtxnode.metering.curves import Curve
from gtxnode.metering.meters import Meter, RecordKey, meter_id_of
from gtxnode.primitives.addresses import format_address
from gtxnode.primitives.provinces import Province
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone
from tests.cli.ledger_node import FRIEND, KEY, LedgerChain, running
from tests.cli.running import Ran, gtxnode
from tests.metering.makers import OBIS_EXPORT, der, ocmf, ocmf_payload, ocmf_reading

METER_KEY = b"\x31" * 32
NEW_KEY = b"\x32" * 32
PUBLIC = signing.public_key(METER_KEY)
ID = meter_id_of(PUBLIC)
ABOUT = (
    *("--owner", format_address(FRIEND), "--province", "bangkok"),
    *("--source", "solar", "--capacity-w", "5000"),
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with the utility's key, and a new one for a meter."""
    write_private_key(tmp_path / "utility.key", KEY)
    write_private_key(tmp_path / "new.key", NEW_KEY)
    return tmp_path


def tx(home: Path, chain: LedgerChain, *words: str) -> Ran:
    key = str(home / "utility.key")
    with running(chain) as url:
        return gtxnode(
            home,
            *("tx", "meter", *words),
            *("--url", url, "--key-file", key, "--wait", "--timeout", "20", "-o", "json"),
        )


def meter_of(chain: LedgerChain, id: bytes = ID) -> Meter:
    coin = decode_coin(chain.coins_now[meter_coin_id(chain.chain_id, id)])
    assert isinstance(coin, Meter)
    return coin


def test_a_meter_is_registered_changed_and_retired(home: Path) -> None:
    chain = LedgerChain()
    ran = tx(home, chain, "register", "--public-key", PUBLIC.hex(), *ABOUT)
    assert ran.code == 0, ran.err
    meter = meter_of(chain)
    assert (meter.owner, meter.province, meter.capacity_w) == (FRIEND, Province.BANGKOK, 5_000)

    ran = tx(home, chain, "rotate-key", ID.hex(), "--new-key-file", str(home / "new.key"))
    assert ran.code == 0, ran.err
    assert meter_of(chain).public_key == signing.public_key(NEW_KEY)

    registers = ("--import-wh", "7", "--export-wh", "0", "--from-s", "2")
    assert tx(home, chain, "reset", ID.hex(), *registers).code == 0
    assert (meter_of(chain).import_wh, meter_of(chain).revision) == (7, 2)

    assert tx(home, chain, "retire", ID.hex()).code == 0
    assert meter_of(chain).retired
    again = tx(home, chain, "retire", ID.hex())
    assert again.code == Exit.REFUSED
    assert "meter_retired" in again.err


def test_what_is_held_is_released_or_voided(home: Path) -> None:
    chain = LedgerChain()
    ids = [bytes([number]) * 32 + b"\x00\x00" for number in (0x61, 0x62)]
    for coin_id in ids:
        origin = Origin(Zone.BANGKOK, Source.SOLAR, 0, 3_600, ID)
        held = HeldEnergy(FRIEND, 1_000, origin, Province.BANGKOK, (Suspicion.NIGHT_SOLAR,))
        chain.coins_now[coin_id] = encode_coin(held)
    supply_id = supply_coin_id(chain.chain_id)
    supply = decode_coin(chain.coins_now[supply_id])
    assert isinstance(supply, Supply)
    chain.coins_now[supply_id] = encode_coin(msgspec.structs.replace(supply, held_wh=2_000))
    assert tx(home, chain, "release", ids[0].hex(), "--memo", "seen").code == 0
    assert chain.held_by(FRIEND)[1] == 1_000
    assert tx(home, chain, "void", ids[1].hex()).code == 0
    assert chain.held_by(FRIEND)[1] == 1_000
    assert ids[1] not in chain.coins_now


def test_a_foreign_meters_record_is_brought(home: Path) -> None:
    chain = LedgerChain()
    id = "09" * 16
    foreign = ("--record-key", der(Curve.SECP256R1).hex(), "--serial", "MT-4711", "--context", "F")
    ran = tx(home, chain, "register", "--meter", id, *foreign, "--installed-s", "0", *ABOUT)
    assert ran.code == 0, ran.err
    key = meter_of(chain, bytes.fromhex(id)).public_key
    assert isinstance(key, RecordKey)
    assert key.serial == "MT-4711"

    # The fake chain's clock is at its second height.
    time = datetime.fromtimestamp(1, UTC).strftime("%Y-%m-%dT%H:%M:%S,000+0000 S")
    file = home / "record"
    file.write_bytes(ocmf(ocmf_payload(ocmf_reading(RI=OBIS_EXPORT, RV=0.001, TM=time), PG="F1")))
    ran = tx(home, chain, "record", id, str(file))
    assert ran.code == 0, ran.err
    assert meter_of(chain, bytes.fromhex(id)).export_wh == 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("register", *ABOUT), "Name one key"),
        (("register", "--record-key", "00", *ABOUT), "--serial"),
        (("register", "--record-key", "00", "--serial", "x", *ABOUT), "bad_key"),
        (("rotate-key", ID.hex()), "Name one key"),
    ],
)
def test_a_key_is_named_once_and_is_one(home: Path, words: tuple[str, ...], complaint: str) -> None:
    ran = tx(home, LedgerChain(), *words)
    assert ran.code == Exit.USAGE
    assert complaint in ran.err
