"""What is said in governance, on the registry."""

import msgspec

from consensus.encoding import PublicKey
from gtxnode.ledger.bodies.fields import Change as CashOut
from gtxnode.ledger.bodies.fields import Inputs
from gtxnode.ledger.registry.proposals import Changes, Number, Title
from gtxnode.ledger.registry.validators import Epoch
from gtxnode.ledger.registry.votes import Choice
from gtxnode.metering.meters import AddressBytes


class Propose(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=47):
    """Propose other parameters. The deposit and the fee come out of the inputs."""

    proposer: AddressBytes
    """Who signs, and whom the deposit goes back to."""
    inputs: Inputs
    title: Title
    changes: Changes
    activation_epoch: Epoch = 0
    """The first epoch in which it is to hold; zero for the earliest that the delays allow."""
    outputs: CashOut = ()


class CastVote(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=48):
    """Vote with the stake of one validator. Its owner signs; a later vote replaces it."""

    proposal: Number
    validator: PublicKey
    choice: Choice
    inputs: Inputs
    """For the fee."""
    outputs: CashOut = ()
