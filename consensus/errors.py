"""Two families of errors: what a peer did wrong, and what we did wrong.

A `PeerError` carries a `Refusal`, whose value is a stable code that is counted, charged
to the sender and documented. A `ConsensusError` is ours: a caller broke a precondition
or a record of our own does not fit.
"""

from enum import StrEnum


class Refusal(StrEnum):
    """Why a peer's message, block or certificate was refused. The values are stable."""

    MALFORMED = "malformed"
    WRONG_HEIGHT = "wrong_height"
    UNKNOWN_VALIDATOR = "unknown_validator"
    BAD_SIGNATURE = "bad_signature"
    WRONG_PROPOSER = "wrong_proposer"
    BAD_VALID_ROUND = "bad_valid_round"
    BLOCK_MISMATCH = "block_mismatch"
    STALE_ROUND = "stale_round"
    FUTURE_ROUND = "future_round"
    DUPLICATE = "duplicate"
    EQUIVOCATION = "equivocation"
    TOO_MANY = "too_many"
    WRONG_BLOCK = "wrong_block"
    DUPLICATE_SIGNER = "duplicate_signer"
    NOT_ENOUGH_STAKE = "not_enough_stake"
    NO_OFFENCE = "no_offence"
    BAD_REVEAL = "bad_reveal"
    WRONG_TIME = "wrong_time"
    WRONG_CHAIN = "wrong_chain"
    UNKNOWN_AUTHORITY = "unknown_authority"
    NOT_ENOUGH_AUTHORITIES = "not_enough_authorities"
    CROSSES_CHECKPOINT = "crosses_checkpoint"
    SKIPS_CHECKPOINT = "skips_checkpoint"


class PeerError(Exception):
    """A message from outside that is refused, with its reason.

    `reason` is the stable code, `detail` words for a log.
    """

    def __init__(self, reason: Refusal, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail


class InvalidCommit(PeerError):
    """A commit that does not prove its block final."""


class ConsensusError(Exception):
    """An error on our own side; `code` is stable."""

    code = "consensus"


class InvalidValidatorSet(ConsensusError):
    """Validators that make no set: none, too many, a key twice, a stake out of range."""

    code = "invalid_validator_set"


class InvalidAuthoritySet(ConsensusError):
    """Authorities that make no set: none, a role or key twice, a threshold of half or less."""

    code = "invalid_authority_set"


class InvalidKey(ConsensusError):
    """A private key that is not 32 bytes in the curve's range."""

    code = "invalid_key"


class InvalidRecord(ConsensusError):
    """A journal record that passed its checksum but is none of ours."""

    code = "invalid_record"


class NotAsked(ConsensusError):
    """A signature came back that the driver never asked for."""

    code = "not_asked"


class Contradiction(ConsensusError):
    """A block was judged valid and invalid."""

    code = "contradiction"
