"""`gtxnode keys`: a wallet's keys, encrypted in `HOME/keystore`."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from gtxnode.cli.lazy import Lazy, LazyGroup
from gtxnode.cli.passphrase import passphrase_option, read_passphrase
from gtxnode.cli.render import emit
from gtxnode.cli.session import session, shared_options
from gtxnode.home import Home
from gtxnode.keystore import (
    Keystore,
    Secret,
    new_secret,
    secret_from_hex,
    secret_from_words,
)

COMMANDS = {
    "new": Lazy("gtxnode.cli.keys:new", "Make a key, and show its words once."),
    "list": Lazy("gtxnode.cli.keys:list_keys", "List the keys and their addresses."),
    "show": Lazy("gtxnode.cli.keys:show", "Show a key's address and public key."),
    "import": Lazy("gtxnode.cli.keys:import_key", "Take in a key from words or hex."),
    "export": Lazy("gtxnode.cli.keys:export", "Print a key in the clear."),
}
MAX_SECRET_BYTES = 4_096


@click.group(cls=LazyGroup, lazy=COMMANDS)
def keys() -> None:
    """Keep a wallet's keys, encrypted.

    They own GTX and kWh; a node's own keys are files of their own (HOME/keys).
    """


@click.command()
@shared_options
@passphrase_option
@click.argument("name")
@click.option(
    "--words",
    type=click.Choice(["12", "15", "18", "21", "24"]),
    default="24",
    show_default=True,
    help="Length of the BIP-39 sentence, in words.",
)
def new(name: str, words: str, passphrase_file: Path | None) -> None:
    """Make a key, and show its words once.

    Whoever has the words has the GTX and kWh. They are shown now and on export.
    """
    secret = new_secret(int(words))
    document = _add(name, secret, passphrase_file)
    emit(document | {"words": secret.words})


@click.command(name="list")
@shared_options
def list_keys() -> None:
    """List the keys and their addresses.

    An address receives GTX and kWh.
    """
    keystore = _keystore()
    emit([_described(keystore, name) for name in keystore.names()])


@click.command()
@shared_options
@click.argument("name")
def show(name: str) -> None:
    """Show a key's address and public key.

    An address receives GTX and kWh; the public key is 33 bytes in hex.
    """
    emit(_described(_keystore(), name))


@click.command(name="import")
@shared_options
@passphrase_option
@click.argument("name")
@click.option(
    "--file",
    "source",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    default=None,
    help="File with the words or the hex, - for the standard input.  [default: a prompt]",
)
@click.option(
    "--account",
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    show_default=True,
    help="Which account of the words.",
)
def import_key(name: str, source: Path | None, account: int, passphrase_file: Path | None) -> None:
    """Take in a key from words or hex.

    A BIP-39 sentence of 12 to 24 words, or a private key of 64 hexadecimal digits.
    """
    text = _secret_text(source)
    secret = secret_from_words(text, account) if len(text.split()) > 1 else secret_from_hex(text)
    emit(_add(name, secret, passphrase_file))


@click.command()
@shared_options
@passphrase_option
@click.argument("name")
@click.option("--words", is_flag=True, help="The BIP-39 sentence instead of the private key.")
def export(name: str, words: bool, passphrase_file: Path | None) -> None:
    """Print a key in the clear.

    64 hexadecimal digits, or with --words its sentence, and nothing else: import and
    --key-file take it as it is. Whoever reads it has the GTX and the kWh.
    """
    secret = _keystore().unlock(name, _passphrase(passphrase_file))
    if words and secret.words is None:
        raise click.UsageError(f"{name} was imported without words.")
    shown = secret.words if words else secret.private_key.hex()
    emit({"name": name, "words" if words else "private_key": shown} if session().as_json else shown)


def _add(name: str, secret: Secret, passphrase_file: Path | None) -> dict[str, Any]:
    keystore = _keystore()
    keystore.add(name, secret, _passphrase(passphrase_file, twice=True))
    return _described(keystore, name)


def _described(keystore: Keystore, name: str) -> dict[str, Any]:
    info = keystore.show(name)
    return {"name": name, "address": info.address, "public_key": info.public_key.hex()}


def _keystore() -> Keystore:
    return Keystore(Home(session().home).keystore)


def _passphrase(file: Path | None, *, twice: bool = False) -> str:
    return read_passphrase(file, os.environ.get("GTX_PASSPHRASE"), twice=twice)


def _secret_text(source: Path | None) -> str:
    if source is None:
        if not sys.stdin.isatty():
            raise click.UsageError("There is no terminal to ask at; give --file.")
        return str(click.prompt("Words or private key", hide_input=True, err=True))
    with click.open_file(str(source), "rb") as opened:
        data = opened.read(MAX_SECRET_BYTES)
    try:
        return str(data.decode("ascii")).strip()
    except UnicodeDecodeError as error:
        raise click.UsageError("That is neither words nor hexadecimal digits.") from error
