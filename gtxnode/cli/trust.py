"""A file with a checkpoint that a new node starts from, held against a genesis."""

from pathlib import Path

import msgspec

from gtxnode.cli.exits import CommandFailed, Exit
from gtxnode.genesis import Genesis, chain_id


class TrustFile(msgspec.Struct, frozen=True):
    """What is read of `gtxnode -o json query trust`; whatever else it says follows from it."""

    shard: str
    trust: str


def trusted_block(genesis: Genesis, path: Path) -> str:
    """`SHARD:HEIGHT:BLOCK-ID`, as the settings name it; `CommandFailed` where nothing proves it."""
    from gtxnode.checkpoints.trust import InvalidTrust, decode_trust, trusted_checkpoint
    from gtxnode.ledger.authority.authorities import all_authorities

    try:
        file = msgspec.json.decode(path.read_bytes(), type=TrustFile)
        trust = decode_trust(bytes.fromhex(file.trust))
        founders = all_authorities(genesis.chain_parameters(file.shard))
        if founders is None:
            raise InvalidTrust("the genesis has no authorities")
        checkpoint = trusted_checkpoint(chain_id(genesis.network, file.shard), founders, trust)
    except KeyError as error:
        raise _failed(path, f"shard {error} is not in the genesis") from error
    except (ValueError, InvalidTrust) as error:
        raise _failed(path, str(error)) from error
    return f"{file.shard}:{checkpoint.height}:{checkpoint.block_id.hex()}"


def _failed(path: Path, why: str) -> CommandFailed:
    return CommandFailed("checkpoints.invalid_trust", f"{path}: {why}", Exit.CONFIGURATION)
