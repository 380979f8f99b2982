"""`gtxnode keys`: made, kept, shown, taken in and given out."""

from pathlib import Path

import pytest

from gtxnode.keystore import secret_from_words
from tests.cli.running import Ran, gtxnode

PASSPHRASE = {"GTX_PASSPHRASE": "correct horse"}


def keys(home: Path, *words: str, given: str | bytes | None = None) -> Ran:
    return gtxnode(home, "keys", *words, "-o", "json", environment=PASSPHRASE, given=given)


def test_a_key_lives_through_its_commands(tmp_path: Path) -> None:
    made = keys(tmp_path, "new", "alice", "--words", "12")
    assert made.code == 0, made.err
    assert len(made.answer["words"].split()) == 12
    assert made.answer["address"].startswith("gtx1")
    shown = keys(tmp_path, "show", "alice").answer
    assert shown == {name: made.answer[name] for name in ("name", "address", "public_key")}
    assert keys(tmp_path, "list").answer == [shown]
    assert keys(tmp_path, "export", "alice", "--words").answer["words"] == made.answer["words"]
    exported = keys(tmp_path, "export", "alice").answer["private_key"]
    assert secret_from_words(made.answer["words"]).private_key.hex() == exported


@pytest.mark.parametrize("form", [(), ("--words",)])
def test_what_was_exported_can_be_imported(form: tuple[str, ...], tmp_path: Path) -> None:
    made = keys(tmp_path, "new", "alice").answer
    exported = gtxnode(tmp_path, "keys", "export", "alice", *form, environment=PASSPHRASE).out
    again = keys(tmp_path, "import", "again", "--file", "-", given=exported)
    assert again.code == 0, again.err
    assert again.answer["address"] == made["address"]


def test_a_key_comes_in_as_words_or_as_hex(tmp_path: Path) -> None:
    words = "abandon " * 11 + "about"
    first = keys(tmp_path, "import", "first", "--file", "-", given=words)
    assert first.code == 0, first.err
    second = keys(tmp_path, "import", "second", "--file", "-", "--account", "1", given=words)
    assert second.answer["address"] != first.answer["address"]
    (tmp_path / "secret").write_text("11" * 32 + "\n")
    third = keys(tmp_path, "import", "third", "--file", str(tmp_path / "secret"))
    assert third.code == 0, third.err
    no_words = keys(tmp_path, "export", "third", "--words")
    assert no_words.code == 2


@pytest.mark.parametrize(
    ("words", "given", "code", "end"),
    [
        (("show", "nobody"), None, "keystore.unknown_key", 4),
        (("new", "Not A Name"), None, "keystore.invalid_name", 2),
        (("import", "x", "--file", "-"), "abandon ability", "keystore.invalid_words", 2),
        (("import", "x", "--file", "-"), "zz", "keystore.invalid_private_key", 2),
        (("import", "x", "--file", "-"), b"\xff\xfe", "usage", 2),
        (("import", "x"), None, "usage", 2),
    ],
)
def test_what_is_wrong_has_its_code(
    words: tuple[str, ...], given: str | bytes | None, code: str, end: int, tmp_path: Path
) -> None:
    ran = keys(tmp_path, *words, given=given)
    assert (ran.error["code"], ran.code) == (code, end)


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    assert keys(tmp_path, "new", "alice").code == 0
    again = keys(tmp_path, "new", "alice")
    assert (again.error["code"], again.code) == ("keystore.exists", 7)


def test_the_passphrase_may_be_in_a_file_and_the_file_wins(tmp_path: Path) -> None:
    (tmp_path / "pass").write_text("from the file\nsecond line\n")
    option = ("--passphrase-file", str(tmp_path / "pass"))
    assert gtxnode(tmp_path, "keys", "new", "a", *option, environment=PASSPHRASE).code == 0
    assert gtxnode(tmp_path, "keys", "export", "a", environment=PASSPHRASE).code == 5
    assert gtxnode(tmp_path, "keys", "export", "a", *option).code == 0
    named = {"GTX_PASSPHRASE_FILE": str(tmp_path / "pass")}
    assert gtxnode(tmp_path, "keys", "export", "a", environment=named).code == 0


def test_without_a_terminal_nobody_is_asked(tmp_path: Path) -> None:
    ran = gtxnode(tmp_path, "keys", "new", "alice")
    assert ran.code == 2
    assert "GTX_PASSPHRASE" in ran.err


def test_a_person_types_a_new_passphrase_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gtxnode.cli.passphrase._at_terminal", lambda: True)
    ran = gtxnode(tmp_path, "keys", "new", "alice", given="one\ntwo\nsecret\nsecret\n")
    assert ran.code == 0, ran.err
    assert "secret" not in ran.out + ran.err
    exported = gtxnode(tmp_path, "keys", "export", "alice", given="secret\n")
    assert exported.code == 0, exported.err
