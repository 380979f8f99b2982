"""Whether the validators of a shard ever say different things of the same height."""

REMEMBERED = 20_000
"""Statements kept to compare later ones with; a validator further behind is not compared."""
MAX_CONFLICTS = 100
"""Told in words. One is enough to fail."""


class Agreement:
    """What was said of each height, and every time that somebody said otherwise."""

    def __init__(self) -> None:
        self.conflicts: list[str] = []
        self.compared = 0
        """Statements that another validator had made before."""
        self._said: dict[tuple[str, int], tuple[bytes, str]] = {}

    def block(self, validator: str, height: int, id_: bytes, app_root: bytes) -> None:
        """A block's id, and the root that its header gives for the state before it."""
        self._compare("block", validator, height, id_)
        self._compare("state root", validator, height - 1, app_root)

    def state(self, validator: str, height: int, root: bytes) -> None:
        """The root of the state that the validator itself has after a height."""
        self._compare("state root", validator, height, root)

    def _compare(self, what: str, validator: str, height: int, value: bytes) -> None:
        first, who = self._said.setdefault((what, height), (value, validator))
        if who != validator:
            self.compared += 1
        if first != value and len(self.conflicts) < MAX_CONFLICTS:
            self.conflicts.append(
                f"{what} at {height}: {who} says {first.hex()}, {validator} {value.hex()}"
            )
        if len(self._said) > REMEMBERED:
            del self._said[next(iter(self._said))]
