"""What single authorities have said of checkpoints that are not certified yet.

Pure. Words are kept from when they come, before their block is final here or after; of one
authority and height two different statements at most, which is what it takes to prove it guilty.
"""

from collections import defaultdict
from collections.abc import Callable

from consensus.authorities import AuthoritySet
from consensus.checkpoints import Checkpoint, SignedCheckpoint, contradict

STATEMENTS_PER_ROLE = 2


class Words:
    """Verified words by height and role. The caller bounds the heights."""

    def __init__(self) -> None:
        self._said: dict[int, dict[int, list[SignedCheckpoint]]] = {}

    def knows(self, word: SignedCheckpoint) -> bool:
        """Whether this key's statement is here; its signature is not looked at."""
        said = self._said.get(word.checkpoint.height, {}).values()
        return any(
            each.public_key == word.public_key and each.checkpoint == word.checkpoint
            for words in said
            for each in words
        )

    def take(self, role: int, word: SignedCheckpoint) -> SignedCheckpoint | None:
        """Keep a word; an earlier one of the same authority that contradicts it, if there is one.

        Of a role that has said two things of a height already nothing more is kept.
        """
        earlier = [each for words in self._said.values() for each in words.get(role, ())]
        found = next((e for e in earlier if contradict(e.checkpoint, word.checkpoint)), None)
        kept = self._said.setdefault(word.checkpoint.height, defaultdict(list))[role]
        new = all(each.checkpoint != word.checkpoint for each in kept)
        if new and len(kept) < STATEMENTS_PER_ROLE:
            kept.append(word)
        return found

    def about(self, checkpoint: Checkpoint, authorities: AuthoritySet) -> list[SignedCheckpoint]:
        """The words for a checkpoint by keys that count."""
        said = self._said.get(checkpoint.height, {}).values()
        return [
            each
            for words in said
            for each in words
            if each.checkpoint == checkpoint and authorities.role_of(each.public_key) is not None
        ]

    def roles(self, height: int) -> list[int]:
        """Who has said something of a height."""
        return sorted(self._said.get(height, {}))

    def keep(self, wanted: Callable[[int], bool]) -> None:
        """Forget all other heights."""
        self._said = {at: said for at, said in self._said.items() if wanted(at)}
