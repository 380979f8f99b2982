"""Pages of what blocks did: numbered things, looked for block by block."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Protocol, TypeVar

from gtxnode.chain.records import BlockRecord
from gtxnode.chain.store import ChainStore
from gtxnode.rpc.backend import EVENTS_PER_BLOCK
from gtxnode.rpc.wire import EventNumber

# Blocks that one call looks into, to bound its cost; `next` goes on from there.
MAX_BLOCKS = 2_000


class Numbered(Protocol):
    """Something that has an event's number."""

    @property
    def number(self) -> EventNumber: ...


T = TypeVar("T", bound=Numbered)


def page(
    store: ChainStore,
    found_in: Callable[[BlockRecord], Sequence[T]],
    after: int | None,
    limit: int,
) -> tuple[tuple[T, ...], int | None]:
    """What is numbered above `after`, without it the latest; and where to go on, None at the end.

    `found_in` a block gives its things in order of their numbers.
    """
    height = store.tip.height
    found: list[T] = []
    if after is None:
        for record in islice(store.records(0, reverse=True), MAX_BLOCKS):
            found[:0] = found_in(record)
            if len(found) >= limit:
                break
        return tuple(found[-limit:]), None
    at = after
    for record in islice(store.records(after // EVENTS_PER_BLOCK), MAX_BLOCKS):
        found.extend(each for each in found_in(record) if each.number > after)
        at = (record.height + 1) * EVENTS_PER_BLOCK - 1
        if len(found) >= limit:
            break
    if len(found) >= limit:
        at = found[limit - 1].number
    more = len(found) > limit or at // EVENTS_PER_BLOCK < height
    return tuple(found[:limit]), at if more else None
