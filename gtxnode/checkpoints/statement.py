"""What a chain's final state says of its checkpoints: who signs them, and what they state.

All nodes with the same block agree on both: they are read from blocks, records and coins.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from consensus.authorities import AuthoritySet
from consensus.checkpoints import Checkpoint, CrossesCheckpoint, Point, Relation, relation
from consensus.errors import Refusal
from consensus.hashing import ZERO_HASH
from consensus.types import block_id
from gtxnode.chain.store import ChainStore
from gtxnode.chain.validators import SetUnknown, ValidatorSets
from gtxnode.ledger.authority.authorities import (
    BarredKeys,
    authorities_at,
    barred_coin_id,
    signing_height,
)
from gtxnode.ledger.authority.authority_keys import AuthorityKeys, authority_keys_coin_id
from gtxnode.ledger.coin_view import read_coin


class CheckpointCrossed(Exception):
    """This node's own chain runs past a checkpoint that it has to hold to, through another block.

    Either its data is another chain's or damaged, or what it is told to trust is wrong.
    """

    code = "checkpoints.crossed"

    def __init__(self, chain_id: str, point: Point, found: bytes | None) -> None:
        has = found.hex() if found is not None else "no block"
        super().__init__(
            f"{chain_id} has {has} at height {point.height}, "
            f"and the checkpoint there is {point.block_id.hex()}"
        )


@dataclass(frozen=True, slots=True)
class Statements:
    """Reads one chain. Any thread may ask."""

    store: ChainStore
    sets: ValidatorSets

    @property
    def interval_blocks(self) -> int:
        """From one checkpoint to the next."""
        return self.store.parameters.checkpoints.interval_blocks

    def authorities(self, height: int) -> AuthoritySet | None:
        """Whose signatures the checkpoint at a height needs; None where nobody can make one.

        For a height above the tip, as far as this node knows: keys may have been barred since.
        """
        return in_force_after(self.store, signing_height(height, self.interval_blocks))

    def of(self, height: int) -> Checkpoint | None:
        """What there is to sign of a final block. None where its validators are forgotten."""
        block, _ = self.store.block(height)
        record = self.store.record(height)
        assert record is not None, "a final block has a record"
        try:
            validators = self.sets.at(height + 1)
        except SetUnknown:
            return None
        successors = in_force_after(self.store, height)
        return Checkpoint(
            self.store.chain_id,
            self.sets.epoch(height) or 0,
            height,
            block_id(block.header),
            record.state_root,
            validators.root,
            successors.root if successors is not None else ZERO_HASH,
        )

    def relation(self, point: Point) -> Relation:
        """How this node's chain lies to a point; raises `CrossesCheckpoint`."""
        return relation(point, self.store.tip.height, self._id_at(point.height))

    def check(self, checkpoint: Checkpoint) -> Relation:
        """As `relation`, and the whole statement is held against the chain once it is there."""
        found = self.relation(checkpoint)
        if found is Relation.CONTAINS and self.of(checkpoint.height) not in (None, checkpoint):
            reason = f"another state at height {checkpoint.height}"
            raise CrossesCheckpoint(Refusal.CROSSES_CHECKPOINT, reason)
        return found

    def hold(self, points: Iterable[Point]) -> None:
        """Raise `CheckpointCrossed` if the chain runs past one of these."""
        for point in points:
            try:
                self.relation(point)
            except CrossesCheckpoint as error:
                found = self._id_at(point.height)
                raise CheckpointCrossed(self.store.chain_id, point, found) from error

    def _id_at(self, height: int) -> bytes | None:
        try:
            block, _ = self.store.block(height)
        except KeyError:
            return None
        return block_id(block.header)


def in_force_after(store: ChainStore, height: int) -> AuthoritySet | None:
    """The authorities whose signatures the checkpoint after a block needs; None for nobody."""
    # Rotations are read after the parameters: what those have is then among them.
    parameters = store.parameters
    barred, keys = authority_coins(store)
    return authorities_at(parameters, barred, height, keys)


def authority_coins(store: ChainStore) -> tuple[BarredKeys | None, AuthorityKeys | None]:
    """What a chain has barred, and its rotations."""
    barred = read_coin(store, barred_coin_id(store.chain_id))
    keys = read_coin(store, authority_keys_coin_id(store.chain_id))
    assert barred is None or isinstance(barred, BarredKeys), "the id holds what is barred"
    assert keys is None or isinstance(keys, AuthorityKeys), "the id holds the rotations"
    return barred, keys
