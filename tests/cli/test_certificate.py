"""`gtxnode certificate verify`: what a node printed is held against the genesis, with no node."""

import json
from pathlib import Path
from typing import Any

import pytest

from consensus import signing
from gtxnode.genesis import GenesisValidator, chain_id, new_genesis
from gtxnode.genesis_file import format_genesis
from gtxnode.home import Home
from gtxnode.primitives.zones import Role, Shard, Zone
from gtxnode.rpc import wire
from gtxnode.views.certificates import CertificatesView
from tests.certificates.chain import INTERVAL, SigningTown
from tests.cli.running import Ran, gtxnode
from tests.ledger.little_chain import private_key, public_key

SHARD = "geo_bangkok"
CHAIN = chain_id("certified", SHARD)
PROPOSER = signing.public_key(private_key("proposer"))


def genesis_of(network: str, validator: bytes = PROPOSER, signer: str = "") -> bytes:
    authorities = {role: (public_key(signer + role.name),) for role in Role}
    validators = [GenesisValidator("one", validator, 1_000_000, Zone.BANGKOK)]
    return format_genesis(
        new_genesis(
            network=network,
            time_ms=0,
            shards=[Shard.GEO_BANGKOK],
            validators=validators,
            authorities=authorities,
        )
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    Home(tmp_path).genesis.write_bytes(genesis_of("certified"))
    return tmp_path


@pytest.fixture
async def printed(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """A proof by validators and one by authorities, as a node prints them."""
    for module in ("tests.ledger.little_chain", "tests.views.town"):
        monkeypatch.setattr(f"{module}.CHAIN", CHAIN)
    town = SigningTown()
    retired = town.cover("malee", 700)
    town.accepted(retired)
    for _ in range(INTERVAL):
        town.block()
    view = CertificatesView(SHARD, town.store)
    return {
        by: json.loads(wire.encode(await view.prove(retired.id, by)))
        for by in ("validators", "authorities")
    }


def verify(home: Path, document: dict[str, Any] | str, *words: str) -> Ran:
    file = home / "proof.json"
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    return gtxnode(home, "certificate", "verify", str(file), *words, "-o", "json")


async def test_a_proof_holds_against_the_genesis(
    home: Path, printed: dict[str, dict[str, Any]]
) -> None:
    for by, proof in printed.items():
        ran = verify(home, proof)
        assert ran.code == 0, ran.err
        assert (ran.answer["verified"], ran.answer["by"]) == (True, by)
        assert ran.answer["certificate"] == proof["certificate"]
        assert ran.answer["certificate"]["energy_wh"] == "700"
    shown = gtxnode(home, "certificate", "verify", str(home / "proof.json"))
    assert "0.7" in shown.out


async def test_another_genesis_proves_nothing_and_validators_may_be_given(
    home: Path, printed: dict[str, dict[str, Any]]
) -> None:
    other = home / "other.json"
    other.write_bytes(genesis_of("certified", public_key("nobody"), "another "))
    wrong = ("--genesis", str(other))
    ran = verify(home, printed["validators"], *wrong)
    assert (ran.code, ran.error["code"]) == (1, "certificates.not_final")
    seats = [
        {"public_key": PROPOSER.hex(), "power_ugtx": "5"},
        {"public_key": public_key("nobody").hex(), "power_ugtx": "0"},
    ]
    given = home / "validators.json"
    given.write_text(json.dumps({"shard": SHARD, "height": 3, "validators": seats}))
    ran = verify(home, printed["validators"], *wrong, "--validators", str(given))
    assert ran.code == 0, ran.err
    given.write_text("{}")
    ran = verify(home, printed["validators"], *wrong, "--validators", str(given))
    assert (ran.code, ran.error["code"]) == (6, "certificates.validators")
    ran = verify(home, printed["authorities"], *wrong)
    assert (ran.code, ran.error["code"]) == (1, "certificates.not_anchored")
    other.write_bytes(genesis_of("elsewhere"))
    for proof in printed.values():
        assert verify(home, proof, *wrong).code == 1


async def test_what_is_read_is_what_is_proved(
    home: Path, printed: dict[str, dict[str, Any]]
) -> None:
    """Any other word in the readable part is told, and so is a file that is none."""
    proof = printed["authorities"]
    for key, other in (
        ("energy_wh", "7000"),
        ("consumer", printed["validators"]["certificate"]["consumer"].replace("gtx1", "gtx2")),
        ("purpose", "voluntary"),
        ("credited_mgco2e", "1"),
        ("height", 1),
        ("shard", "geo_northern"),
        ("energy", []),
    ):
        changed = proof | {"certificate": proof["certificate"] | {key: other}}
        ran = verify(home, changed)
        assert ran.code == 1, key
        assert ran.error["code"] in ("certificates.misstated", "certificates.unreadable"), key
    for mixed in (
        proof | {"by": "validators"},
        proof | {"header": printed["validators"]["header"]},
        printed["validators"] | {"trust": proof["trust"]},
        "{}",
        "",
        json.dumps(proof)[:-1],
    ):
        ran = verify(home, mixed)
        assert (ran.code, ran.error["code"]) == (1, "certificates.unreadable")


async def test_every_byte_of_the_file_counts(
    home: Path, printed: dict[str, dict[str, Any]]
) -> None:
    """One bit changed, here and there: it is refused, or reads the same to the last value."""
    text = json.dumps(printed["authorities"])
    refused = 0
    for place in range(0, len(text), 23):
        changed = text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]
        ran = verify(home, changed)
        if ran.code == 0:
            assert json.loads(changed) == printed["authorities"], changed[place - 20 : place + 20]
        else:
            assert ran.error["code"].startswith("certificates.")
            refused += 1
    assert refused > 50
