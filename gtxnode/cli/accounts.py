"""Accounts on the command line: an address or a key's name, and the key that signs."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from gtxnode.cli.amounts import ADDRESS
from gtxnode.cli.passphrase import passphrase_option, read_passphrase
from gtxnode.cli.session import session
from gtxnode.home import Home, read_private_key

F = TypeVar("F", bound=Callable[..., Any])


class Account(click.ParamType[bytes]):
    """An address `gtx1...`, or the name of a key in the home's keystore."""

    name = "ACCOUNT"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        """The 20 bytes of the address."""
        if isinstance(value, bytes):
            return value
        text = str(value)
        if text.lower().startswith("gtx1"):
            return ADDRESS.convert(text, param, ctx)

        from gtxnode.keystore import Keystore
        from gtxnode.primitives.addresses import parse_address

        return parse_address(Keystore(Home(session().home).keystore).show(text).address)


ACCOUNT = Account()


def signing_options(command: F) -> F:
    """`--key`, `--key-file` and where the passphrase comes from."""
    key = click.option(
        "--key",
        envvar="GTX_KEY",
        metavar="NAME",
        help="The key in the home's keystore that signs.  [GTX_KEY]",
    )
    key_file = click.option(
        "--key-file",
        type=click.Path(dir_okay=False, path_type=Path),
        envvar="GTX_KEY_FILE",
        help="Or a file with a private key in hex, mode 0600.  [GTX_KEY_FILE]",
    )
    return key(key_file(passphrase_option(command)))


def signing_key(key: str | None, key_file: Path | None, passphrase_file: Path | None) -> bytes:
    """The private key that was named, 32 bytes."""
    if (key is None) == (key_file is None):
        raise click.UsageError("Say who signs: either --key or --key-file.")
    if key_file is not None:
        return read_private_key(key_file)
    assert key is not None, "one of the two is given"

    from gtxnode.keystore import Keystore

    keystore = Keystore(Home(session().home).keystore)
    keystore.show(key)  # before asking for a passphrase to a key that is not there
    passphrase = read_passphrase(passphrase_file, os.environ.get("GTX_PASSPHRASE"))
    return keystore.unlock(key, passphrase).private_key
