"""What a chain that follows the registry takes over from there, beside its validators."""

import msgspec
from msgspec.structs import replace

from gtxnode.ledger.authority_keys import AuthorityKeys, Rotation, authority_keys_coin_id
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.proposals import Coins, InForce, in_force_at, in_force_coin_id


class Decreed(msgspec.Struct, frozen=True, gc=False):
    """What holds on the registry after the block that a header names."""

    parameters: InForce | None = None
    """None for those of the genesis."""
    rotations: tuple[Rotation, ...] = ()
    """Of the authorities' keys, since the genesis."""


def decreed_in(chain_id: str, coins: Coins, epoch: int) -> Decreed:
    """What holds on the registry in an epoch, from its coins, which may be of a later one."""
    keys = coins.get(authority_keys_coin_id(chain_id))
    rotations = keys.within(epoch) if isinstance(keys, AuthorityKeys) else ()
    return Decreed(in_force_at(chain_id, coins, epoch), rotations)


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
