"""How a command ends: the exit codes, and which of the project's errors ends in which.

Errors are looked up by the name of their class, so that this table imports none of the
modules that raise them.
"""

import errno
from collections.abc import Mapping
from enum import IntEnum, unique
from types import MappingProxyType


@unique
class Exit(IntEnum):
    """An exit code, with what it tells a script. Codes never change their meaning."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> "Exit":
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    OK = 0, "Done."
    FAILED = 1, "It ran and failed: an invariant does not hold, or something unforeseen happened."
    USAGE = 2, "The command line is wrong. Nothing was done."
    UNREACHABLE = 3, "No node answers there, or the connection broke."
    NOT_FOUND = 4, "The node, the keystore or the home does not have what was asked for."
    REFUSED = 5, "The node or the ledger says no; the error's code is the reason."
    CONFIGURATION = 6, "The configuration, the genesis or a key file cannot be used."
    LOCKED = 7, "Another process has this home, port or key in use, or it is there already."
    STORAGE = 8, "The disk: full, not readable or writable, or a record is corrupted."
    TIMED_OUT = 9, "It was sent, and was not final within the time given."
    INTERRUPTED = 130, "Ctrl-C."


class CommandFailed(Exception):
    """A command's own error: a stable `code`, words for people, and how the process ends."""

    def __init__(self, code: str, message: str, end: Exit) -> None:
        super().__init__(message)
        self.code = code
        self.end = end


# The nearest class on the way from the error's own to its ancestors counts.
ENDS: Mapping[str, Exit] = MappingProxyType(
    {
        "gtxnode.schema.Misfit": Exit.CONFIGURATION,
        "gtxnode.layers.InvalidConfig": Exit.CONFIGURATION,
        "gtxnode.genesis.InvalidGenesis": Exit.CONFIGURATION,
        "gtxnode.grid.network.InvalidNetwork": Exit.CONFIGURATION,
        "gtxnode.home.UnusableKey": Exit.CONFIGURATION,
        "gtxnode.primitives.errors.Refused": Exit.REFUSED,
        "gtxnode.ledger.coin_choice.InsufficientFunds": Exit.REFUSED,
        "gtxnode.keystore.errors.KeystoreError": Exit.CONFIGURATION,
        "gtxnode.keystore.errors.InvalidName": Exit.USAGE,
        "gtxnode.keystore.errors.InvalidPassphrase": Exit.USAGE,
        "gtxnode.keystore.errors.InvalidPrivateKey": Exit.USAGE,
        "gtxnode.keystore.errors.InvalidWords": Exit.USAGE,
        "gtxnode.keystore.errors.KeyExists": Exit.LOCKED,
        "gtxnode.keystore.errors.UnknownKey": Exit.NOT_FOUND,
        "gtxnode.keystore.errors.WrongPassphrase": Exit.REFUSED,
        "gtxnode.devnet.DevnetError": Exit.USAGE,
        "gtxnode.signer.ForeignSigner": Exit.CONFIGURATION,
        "gtxnode.signer.WouldSignTwice": Exit.FAILED,
        "gtxnode.engine.voice.SignedElsewhere": Exit.LOCKED,
        "gtxnode.application.Diverged": Exit.FAILED,
        "gtxnode.checkpoints.statement.CheckpointCrossed": Exit.FAILED,
        "gtxnode.chain.marks.WrongGenesis": Exit.CONFIGURATION,
        "gtxnode.chain.marks.StaleIndexes": Exit.STORAGE,
        "gtxnode.rebuild.BlocksMissing": Exit.NOT_FOUND,
        "gtxnode.rpc.listener.CannotListen": Exit.CONFIGURATION,
        "p2p.errors.NetworkError": Exit.CONFIGURATION,
        "p2p.errors.AddressInUse": Exit.LOCKED,
        "storage.errors.StorageError": Exit.STORAGE,
        "storage.errors.Locked": Exit.LOCKED,
    }
)


def end_of(error: BaseException) -> Exit | None:
    """How the process ends on this error; None for one that nobody foresaw."""
    if isinstance(error, CommandFailed):
        return error.end
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return Exit.LOCKED
    for class_ in type(error).__mro__:
        end = ENDS.get(f"{class_.__module__}.{class_.__qualname__}")
        if end is not None:
            return end
    return Exit.STORAGE if isinstance(error, OSError) else None


def code_of(error: BaseException) -> str:
    """The error's stable code: its own, its reason's, or the name of its class."""
    if isinstance(error, OSError):
        return f"os.{errno.errorcode.get(error.errno or 0, 'error').lower()}"
    code = getattr(error, "code", None) or getattr(error, "reason", None)
    return str(code) if isinstance(code, str) else type(error).__name__


def innermost(error: BaseException) -> BaseException:
    """The one error in a nest of groups, as nurseries raise them."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
