"""Before a validator signs anything: is its home as new as the chain?

A home that was restored from a copy does not know what its key signed since. So the node first
listens, until validators with two thirds of the stake, itself among them, have told where they are,
and it has every block that they have; what the key signed meanwhile is in those blocks. That
costs no height: with fewer than two thirds there, none could be decided.

Pure. What a peer says of itself is believed here: to lie, it would have to keep out all others.
"""

from consensus.validators import ValidatorSet


class Lookout:
    """Whom a validator has heard of, and how far each is."""

    def __init__(self, me: bytes, validators: ValidatorSet) -> None:
        self._me = me
        self._validators = validators
        self._heights: dict[bytes, int] = {}

    def heard(self, validator: bytes, height: int) -> None:
        """A validator has a final block at this height; strangers do not count."""
        if validator != self._me and self._validators.get(validator) is not None:
            self._heights[validator] = max(height, self._heights.get(validator, 0))

    def is_over(self, head_height: int) -> bool:
        """Whether enough are heard of, and nobody of them is ahead of our head."""
        heard = [self._me, *self._heights]
        stake = sum(each.stake for each in self._validators if each.public_key in heard)
        furthest = max(self._heights.values(), default=0)
        return self._validators.has_quorum(stake) and furthest <= head_height
