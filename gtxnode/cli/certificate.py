"""`gtxnode certificate`: what can be said of a certificate of origin without asking a node."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from gtxnode.cli.exits import CommandFailed, Exit
from gtxnode.cli.lazy import Lazy, LazyGroup
from gtxnode.cli.render import emit
from gtxnode.cli.session import session, shared_options

if TYPE_CHECKING:
    from consensus.validators import ValidatorSet
    from gtxnode.certificates.proof import FinalState
    from gtxnode.genesis import Genesis
    from gtxnode.rpc.views.certificates import CertificateProof

COMMANDS = {
    "verify": Lazy("gtxnode.cli.certificate:verify", "Check a certificate's proof, offline."),
}
MAX_FILE_BYTES = 32 * 1024 * 1024
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Seat(msgspec.Struct, frozen=True):
    public_key: str
    power_ugtx: str


class _Seats(msgspec.Struct, frozen=True):
    """What is read of `gtxnode -o json query validators`."""

    validators: tuple[_Seat, ...]


@click.group(cls=LazyGroup, lazy=COMMANDS)
def certificate() -> None:
    """Check certificates of origin.

    `gtxnode -o json query certificate --prove` prints what is checked here. Energy is in kWh.
    """


@click.command()
@shared_options
@click.option(
    "--genesis",
    "genesis_file",
    type=_FILE,
    default=None,
    help="The network's beginning, whose authorities or validators are trusted."
    "  [default: genesis.json of the home]",
)
@click.option(
    "--validators",
    "validators_file",
    type=_FILE,
    default=None,
    help="Who votes at the block that a proof by validators names, as `gtxnode -o json query"
    " validators HEIGHT` prints it, from a node that you trust.  [default: the genesis']",
)
@click.argument("file", type=_FILE)
def verify(genesis_file: Path | None, validators_file: Path | None, file: Path) -> None:
    """Check a certificate's proof, offline.

    FILE is what `gtxnode -o json query certificate --prove` printed. Nothing is asked of a
    node: the proof leads from the entry of the chain's log of retirements to a state root that
    two thirds of the stake, or the authorities, have signed. Energy is in kWh. Exit code 1
    names the part that fails.
    """
    from gtxnode.certificates.proof import InvalidCertificate
    from gtxnode.genesis_file import read_genesis
    from gtxnode.home import Home

    genesis = read_genesis(genesis_file or Home(session().home).genesis)
    try:
        proof = _read(file)
        state = _verified(genesis, _seats(validators_file), proof)
    except InvalidCertificate as error:
        raise CommandFailed(error.code.value, f"{file}: {error}", Exit.FAILED) from error
    emit(
        {
            "verified": True,
            "by": proof.by,
            "state_height": state.height,
            "state_block": state.block_id.hex(),
            "certificate": msgspec.to_builtins(proof.certificate, enc_hook=_json),
        }
    )


def _verified(
    genesis: "Genesis", validators: "ValidatorSet | None", proof: "CertificateProof"
) -> "FinalState":
    from gtxnode.certificates.proof import (
        Fault,
        InvalidCertificate,
        check_certificate,
        final_state,
    )
    from gtxnode.genesis import chain_id
    from gtxnode.ledger.authority.authorities import all_authorities
    from gtxnode.views.certificates import certificate_view, proof_in

    shard = proof.certificate.shard
    try:
        founders = all_authorities(genesis.chain_parameters(shard))
        voters = validators or genesis.validator_set(shard)
    except KeyError as error:
        why = f"shard {shard} is not in the genesis"
        raise InvalidCertificate(Fault.MISSTATED, "certificate", why) from error
    chain, parts = chain_id(genesis.network, shard), proof_in(proof)
    state = final_state(chain, parts.finality, voters, founders)
    entry = check_certificate(chain, state.root, parts)
    if certificate_view(shard, entry) != proof.certificate:
        why = "it says other than the entry that is proved"
        raise InvalidCertificate(Fault.MISSTATED, "certificate", why)
    return state


def _read(file: Path) -> "CertificateProof":
    from gtxnode.certificates.proof import Fault, InvalidCertificate
    from gtxnode.rpc import wire
    from gtxnode.rpc.views.certificates import CertificateProof

    with file.open("rb") as opened:
        data = opened.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        why = f"more than {MAX_FILE_BYTES} bytes"
        raise InvalidCertificate(Fault.UNREADABLE, "file", why)
    try:
        return wire.decode(data, CertificateProof)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidCertificate(Fault.UNREADABLE, "file", str(error)) from error


def _seats(file: Path | None) -> "ValidatorSet | None":
    """Who votes, as a node has told it; `CommandFailed` where the file does not say it."""
    from consensus.errors import InvalidValidatorSet
    from consensus.validators import Validator, ValidatorSet

    if file is None:
        return None
    try:
        seats = msgspec.json.decode(file.read_bytes(), type=_Seats).validators
        voting = [each for each in seats if each.power_ugtx != "0"]
        return ValidatorSet(
            Validator(bytes.fromhex(each.public_key), int(each.power_ugtx)) for each in voting
        )
    except (ValueError, InvalidValidatorSet) as error:
        why = f"{file}: {error}"
        raise CommandFailed("certificates.validators", why, Exit.CONFIGURATION) from error


def _json(value: object) -> str:
    from gtxnode.rpc.wire import to_json

    return to_json(value)
