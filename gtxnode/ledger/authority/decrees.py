"""What a chain that follows the registry takes over from there, beside its validators.

Parameters and keys hold from an epoch of the registry on, directives from the block that has them.
"""

import msgspec
from msgspec.structs import replace

from gtxnode.ledger.authority.authority_keys import AuthorityKeys, Rotation, authority_keys_coin_id
from gtxnode.ledger.authority.directives import Directive, directives_after
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.registry.proposals import Coins, InForce, in_force_at, in_force_coin_id


class Decreed(msgspec.Struct, frozen=True, gc=False):
    """What holds on the registry after the block that a header names."""

    parameters: InForce | None = None
    """None for those of the genesis."""
    rotations: tuple[Rotation, ...] = ()
    """Of the authorities' keys, since the genesis."""
    directives: tuple[Directive, ...] = ()
    """Those that the chain has still to take, in their order."""


def decreed_in(chain_id: str, coins: Coins, epoch: int, height: int, taken: int) -> Decreed:
    """What holds on the registry after a block of an epoch, from its coins, which may be of a
    later one; of its directives, what comes after so many."""
    keys = coins.get(authority_keys_coin_id(chain_id))
    rotations = keys.within(epoch) if isinstance(keys, AuthorityKeys) else ()
    directives = directives_after(chain_id, coins, taken, height)
    return Decreed(in_force_at(chain_id, coins, epoch), rotations, directives)


def parameters_after(
    chain_id: str, coins: Coins, genesis: ChainParameters, height: int
) -> ChainParameters:
    """What a chain goes by after its head, from the genesis' parameters and its own coins."""
    in_force = coins.get(in_force_coin_id(chain_id))
    keys = coins.get(authority_keys_coin_id(chain_id))
    found = genesis
    if isinstance(in_force, InForce):
        found = in_force.parameters.on_chain_of(genesis)
    if isinstance(keys, AuthorityKeys):
        found = replace(found, authorities=keys.after(height))
    return found
