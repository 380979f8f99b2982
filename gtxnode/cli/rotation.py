"""`gtxnode tx rotate-keys`: a draft that goes from authority to authority, and is sent in the end.

No key leaves its owner: each signs the draft where its key is, and passes the file on.
"""

from pathlib import Path
from typing import Any

import click
import msgspec

from gtxnode.cli.amounts import VALIDATOR_KEY
from gtxnode.cli.connection import ask, node_options
from gtxnode.cli.exits import CommandFailed, Exit
from gtxnode.cli.render import emit
from gtxnode.cli.session import session, shared_options
from gtxnode.genesis import chain_id
from gtxnode.genesis_file import read_genesis
from gtxnode.home import Home, read_private_key
from gtxnode.ledger.bodies import RotateKeys
from gtxnode.ledger.transactions import (
    CheckedTransaction,
    Transaction,
    UnverifiedTransaction,
    Witness,
    encode_transaction,
    transaction_id,
)
from gtxnode.primitives.zones import REGISTRY, Role

ROLES = tuple(role.name.lower() for role in Role)


class Draft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be signed, and who has: signatures by public key, all in hexadecimal."""

    chain_id: str
    role: str
    number: int
    public_keys: list[str]
    signatures: dict[str, str] = {}

    @property
    def body(self) -> RotateKeys:
        """What the signatures are over."""
        keys = tuple(sorted(bytes.fromhex(key) for key in self.public_keys))
        return RotateKeys(Role[self.role.upper()], self.number, keys)

    @property
    def id(self) -> bytes:
        """The transaction's."""
        return transaction_id(self.chain_id, self.body)

    def signed_by(self, private_key: bytes) -> "Draft":
        """With one more signature."""
        from consensus import signing

        public = signing.public_key(private_key).hex()
        signatures = {**self.signatures, public: signing.sign(private_key, self.id).hex()}
        return msgspec.structs.replace(self, signatures=signatures)

    def transaction(self) -> CheckedTransaction:
        """Ready to be sent."""
        witnesses = tuple(
            Witness(bytes.fromhex(key), bytes.fromhex(signature))
            for key, signature in sorted(self.signatures.items())
        )
        body = self.body
        encoded = encode_transaction(Transaction(body, witnesses))
        return UnverifiedTransaction(self.id, body, witnesses, encoded).verified()


@click.command("rotate-keys")
@shared_options
@node_options
@click.option("--role", type=click.Choice(ROLES), help="Begin a draft: whose keys are changed.")
@click.option(
    "--public-key",
    "public_keys",
    type=VALIDATOR_KEY,
    multiple=True,
    help="With --role: a key that it is to have; may be repeated.",
)
@click.option(
    "--number",
    type=click.IntRange(1, 2**16 - 1),
    default=1,
    show_default=True,
    help="With --role: how often its keys have been changed then.",
)
@click.option(
    "--sign",
    "key_files",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="Sign the draft with the key in this file; may be repeated.",
)
@click.option("--send", is_flag=True, help="Send the draft, once enough have signed.")
@click.option("--wait", is_flag=True, help="With --send: wait until it is final or refused.")
@click.argument("draft", type=click.Path(dir_okay=False, path_type=Path))
def rotate_keys(
    draft: Path,
    url: str | None,
    timeout_s: float,
    role: str | None,
    public_keys: tuple[bytes, ...],
    number: int,
    key_files: tuple[Path, ...],
    send: bool,
    wait: bool,
) -> None:
    """Give an authority other keys.

    DRAFT is a file that goes round: as many authorities sign it as a checkpoint takes, and every
    new key does. They hold from the registry's next epoch on. The chain is that of the home's
    genesis.
    """
    current = _begun(role, public_keys, number) if role is not None else _read(draft)
    for path in key_files:
        current = current.signed_by(read_private_key(path))
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(current), indent=2) + b"\n")
    if not send:
        emit(msgspec.to_builtins(current))
        return
    try:
        transaction = current.transaction()
    except ValueError as error:
        raise _unusable(draft, str(error)) from error
    emit(_sent(transaction, url, timeout_s, wait_s=timeout_s if wait else None))


def _sent(
    transaction: CheckedTransaction, url: str | None, timeout_s: float, *, wait_s: float | None
) -> dict[str, Any]:
    from gtxnode.cli.submit import deliver

    return ask(
        url,
        timeout_s,
        lambda client: deliver(client, REGISTRY.value, transaction, wait_s=wait_s),
        waits_s=wait_s or 0,
    )


def _begun(role: str, public_keys: tuple[bytes, ...], number: int) -> Draft:
    if not public_keys:
        raise click.UsageError("--role goes with --public-key: the keys that it is to have")
    genesis = read_genesis(Home(session().home).genesis)
    keys = sorted({key.hex() for key in public_keys})
    return Draft(chain_id(genesis.network, REGISTRY), role, number, keys)


def _read(path: Path) -> Draft:
    """A draft whose form and signatures hold."""
    from consensus import signing

    try:
        found = msgspec.json.decode(path.read_bytes(), type=Draft)
        checks = [
            (bytes.fromhex(key), found.id, bytes.fromhex(signature))
            for key, signature in found.signatures.items()
        ]
    except FileNotFoundError as error:
        raise click.UsageError(f"{path} is not there; --role begins a draft") from error
    except (KeyError, ValueError) as error:
        raise _unusable(path, str(error)) from error
    if not all(signing.verify_slice(checks)):
        raise _unusable(path, "a signature in it is over something else")
    return found


def _unusable(path: Path, why: str) -> CommandFailed:
    return CommandFailed("rotation.unusable_draft", f"{path}: {why}", Exit.CONFIGURATION)
