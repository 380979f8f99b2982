"""Consensus without a network: signatures a second, and the driver beside what votes cost.

`signatures` is `consensus.signing.verify_slice` on one thread, 64 keys in turn; its
reference is coincurve's own `PublicKey.verify`. `driver n` is how many messages a second
the driver takes, without signatures, in heights of n validators who all vote; its
reference is the signatures that one thread checks meanwhile, so above 1 the driver is not
what a validator waits for. `heights n` is heights a second with all signatures checked;
its reference is the checking alone. All of them best of several rounds.

    python -m benchmarks.consensus [--rounds 5] [-o json]
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from coincurve import PrivateKey, PublicKey

from benchmarks.figure import Figure, add_output_option, show
from consensus import signing
from consensus.driver import start_height, step
from consensus.events import (
    BlockJudged,
    Input,
    ProposalReceived,
    StartHeight,
    VerifiedProposal,
    VerifiedVote,
    VoteReceived,
)
from consensus.hashing import ZERO_HASH
from consensus.merkle import EMPTY_ROOT
from consensus.types import (
    UNSIGNED,
    Block,
    Header,
    Proposal,
    Vote,
    VoteKind,
    block_id,
    vote_digest,
)
from consensus.validators import Validator, ValidatorSet
from consensus.verify import verify_votes

CHAIN = "bench"
SIZES = (4, 22, 67, 100)
CHECKS = 1_000
KEYS = 64


class First:
    """The first validator proposes always."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def proposer(self, height: int, round: int) -> bytes:
        """The one key."""
        return self._key


class Height:
    """One height in which everybody prevotes and precommits the same block."""

    def __init__(self, size: int) -> None:
        secrets = {signing.public_key(each): each for each in map(_secret, range(size))}
        keys = list(secrets)
        self.validators = ValidatorSet(Validator(key, 1) for key in keys)
        self.start = StartHeight(1, self.validators, First(keys[0]))
        header = Header(
            version=1,
            chain_id=CHAIN,
            height=1,
            time_ms=0,
            parent_id=ZERO_HASH,
            last_commit_root=EMPTY_ROOT,
            payload_root=EMPTY_ROOT,
            app_root=ZERO_HASH,
            validators_root=self.validators.root,
            next_validators_root=self.validators.root,
            proposer=keys[0],
        )
        value = block_id(header)
        proposal = Proposal(1, 0, -1, value, keys[0], UNSIGNED)
        verified = VerifiedProposal(proposal, Block(header, (), None), None)
        self.opening: list[Input] = [ProposalReceived(verified), BlockJudged(value, True)]
        self.votes: list[Vote] = []
        for kind in VoteKind:
            for key, secret in secrets.items():
                vote = Vote(kind, 1, 0, value, -1, key, UNSIGNED)
                signature = signing.sign(secret, vote_digest(CHAIN, vote))
                self.votes.append(Vote(kind, 1, 0, value, -1, key, signature))

    def drive(self, votes: Sequence[Vote]) -> None:
        """The whole height through a follower's driver."""
        state, _ = start_height(None, self.start)
        for event in self.opening:
            state, _ = step(state, event)
        for vote in votes:
            if state.decided is not None and vote.kind is VoteKind.PREVOTE:
                continue
            state, _ = step(state, VoteReceived(VerifiedVote(vote)))
        assert state.decided is not None, "everybody voted for it"

    def check(self) -> None:
        """The signatures of all votes, in two slices."""
        half = len(self.votes) // 2
        for votes in (self.votes[:half], self.votes[half:]):
            verdicts = verify_votes(CHAIN, 1, self.validators, votes)
            assert all(isinstance(each, VerifiedVote) for each in verdicts)


def figures(rounds: int) -> Iterator[Figure]:
    """All figures, one after the other."""
    ours, theirs = signature_checks()
    checked, reference = best(rounds, ours, theirs)
    per_second = CHECKS / checked
    yield Figure("signatures on one thread", per_second, "1/s", CHECKS / reference)
    for size in SIZES:
        height = Height(size)
        repeat = max(2, 400 // size)

        def drive(height: Height = height, repeat: int = repeat) -> None:
            for _ in range(repeat):
                height.drive(height.votes)

        def check(height: Height = height, repeat: int = repeat) -> None:
            for _ in range(repeat):
                height.check()

        driving, checking = best(rounds, drive, check)
        messages = repeat * (len(height.opening) + len(height.votes))
        votes = repeat * len(height.votes)
        yield Figure(f"driver {size}", messages / driving, "msg/s", votes / checking)
        yield Figure(f"heights {size}", repeat / (driving + checking), "1/s", repeat / checking)


def signature_checks() -> tuple[Callable[[], None], Callable[[], None]]:
    """The same checks by our function and by coincurve's class."""
    checks, others = [], []
    for number in range(CHECKS):
        secret, digest = _secret(number % KEYS), number.to_bytes(32, "big")
        key = signing.public_key(secret)
        checks.append((key, digest, signing.sign(secret, digest)))
        others.append((key, digest, PrivateKey(secret).sign(digest, hasher=None)))

    def ours() -> None:
        assert all(signing.verify_slice(checks))

    def theirs() -> None:
        for key, digest, der in others:
            assert PublicKey(key).verify(der, digest, hasher=None)

    return ours, theirs


def best(rounds: int, *works: Callable[[], None]) -> list[float]:
    """The shortest time of each, in seconds; they take turns."""
    times = [float("inf")] * len(works)
    for _ in range(rounds):
        for place, work in enumerate(works):
            begun = time.perf_counter()
            work()
            times[place] = min(times[place], time.perf_counter() - begun)
    return times


def _secret(number: int) -> bytes:
    return (number + 1).to_bytes(32, "big")


def main(arguments: list[str] | None = None) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.consensus", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    add_output_option(parser)
    options = parser.parse_args(arguments)
    show(figures(options.rounds), options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
