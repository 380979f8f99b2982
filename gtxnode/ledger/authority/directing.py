"""The registry gives directives, and other chains take them (directives.py).

The rules of the acts themselves (stopping.py, licences.py, tariffs.py) say what a directive
changes; here they are numbered, and counted.
"""

from gtxnode.ledger.authority.directives import (
    Directive,
    Directives,
    Saying,
    count_of,
    directive_coin_id,
    directives_coin_id,
)
from gtxnode.ledger.block_state import BlockState


def direct(state: BlockState, saying: Saying) -> None:
    """Let what an authority has said hold on every chain, if this is the registry."""
    context = state.context
    if not context.parameters.registry:
        return
    number = count_of(context.chain_id, state.coins) + 1
    coin_id = directive_coin_id(context.chain_id, number)
    state.coins.make(coin_id, Directive(number, context.height, saying))
    state.coins.make(directives_coin_id(context.chain_id), Directives(number))


def taken(state: BlockState) -> tuple[Saying, ...]:
    """What the block's header has brought within sight."""
    decreed = state.context.decreed
    return () if decreed is None else tuple(each.saying for each in decreed.directives)


def follow(state: BlockState) -> None:
    """Count what the block has taken."""
    decreed = state.context.decreed
    if decreed is not None and decreed.directives:
        coin_id = directives_coin_id(state.context.chain_id)
        state.coins.get(coin_id)  # one that is there is replaced
        state.coins.make(coin_id, Directives(decreed.directives[-1].number))
