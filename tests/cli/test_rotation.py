"""`gtxnode tx rotate-keys`: a draft goes round, and is sent once enough have signed."""

import json
from pathlib import Path

import pytest

from consensus import signing
from gtxnode.home import write_private_key
from gtxnode.ledger.authority.authority_keys import AuthorityKeys, authority_keys_coin_id
from gtxnode.ledger.coins import decode_coin
from gtxnode.primitives.zones import REGISTRY, Role
from tests.cli.ledger_node import KEY, LedgerChain, running
from tests.cli.running import Ran, gtxnode

NEW = b"\x31" * 32
PUBLIC = signing.public_key(NEW)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home of the node's network, with the authority's keys, old and new."""
    ran = gtxnode(tmp_path, "init", "--network", "test", "--shard", REGISTRY.value)
    assert ran.code == 0, ran.err
    write_private_key(tmp_path / "old.key", KEY)
    write_private_key(tmp_path / "new.key", NEW)
    return tmp_path


def rotate(home: Path, *words: str) -> Ran:
    return gtxnode(home, "tx", "rotate-keys", str(home / "draft.json"), *words, "-o", "json")


def test_each_signs_where_its_key_is_and_the_last_one_sends(home: Path) -> None:
    chain = LedgerChain(REGISTRY)
    begun = rotate(home, "--role", "erc", "--public-key", PUBLIC.hex())
    assert begun.code == 0, begun.err
    assert begun.answer["chain_id"] == f"test/{REGISTRY}"
    # The chain behind this node has another name than the home's.
    draft = begun.answer | {"chain_id": chain.chain_id}
    (home / "draft.json").write_text(json.dumps(draft))
    assert rotate(home, "--sign", str(home / "old.key")).code == 0
    with running(LedgerChain(), chain) as url:
        sending = ("--send", "--wait", "--url", url, "--timeout", "20")
        too_early = rotate(home, *sending)
        assert (too_early.code, too_early.error["code"]) == (5, "bad_possession_proof")
        sent = rotate(home, "--sign", str(home / "new.key"), *sending)
    assert sent.code == 0, sent.err
    assert sent.answer["status"] == "final"
    coin = decode_coin(chain.coins_now[authority_keys_coin_id(chain.chain_id)])
    assert isinstance(coin, AuthorityKeys)
    (rotation,) = coin.rotations
    assert (rotation.role, rotation.public_keys) == (Role.ERC, (PUBLIC,))


def test_a_draft_that_was_changed_after_it_was_signed_is_refused(home: Path) -> None:
    words = ("--role", "erc", "--public-key", PUBLIC.hex(), "--sign", str(home / "old.key"))
    assert rotate(home, *words).code == 0
    path = home / "draft.json"
    changed = json.loads(path.read_text()) | {"number": 2}
    for text in (json.dumps(changed), "{}", "x", json.dumps(changed | {"role": "moon"})):
        path.write_text(text)
        ran = rotate(home, "--sign", str(home / "new.key"))
        assert (ran.code, ran.error["code"]) == (6, "rotation.unusable_draft")
        assert path.read_text() == text


def test_options_that_make_no_sense_are_refused(home: Path) -> None:
    assert rotate(home, "--role", "erc").code == 2
    assert rotate(home, "--sign", str(home / "old.key")).code == 2
    assert not (home / "draft.json").exists()
