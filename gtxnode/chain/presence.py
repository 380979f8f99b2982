"""Which final heights can still be signed, as the registry's state has it."""

from consensus.presence import Window
from gtxnode.chain.store import ChainStore
from gtxnode.ledger.coin_view import read_coin
from gtxnode.ledger.registry.validators import Presence, presence_coin_id


def open_heights(store: ChainStore) -> Window:
    """Those that a block on the head may carry precommits for; none but on the registry."""
    if not store.parameters.registry:
        return ()
    return presence(store).window


def presence(store: ChainStore) -> Presence:
    """Who is present on the registry, and what its epoch's blocks have shown of validators."""
    coin = read_coin(store, presence_coin_id(store.chain_id))
    assert isinstance(coin, Presence), "the registry's genesis makes it"
    return coin
