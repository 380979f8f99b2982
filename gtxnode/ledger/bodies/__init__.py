"""What transactions say: the kinds of their bodies, a module for each topic.

A kind has a tag of its own, a rule in `execute.RULES`, and a row in `spend_rules` for each kind of
coin that it spends.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from gtxnode.ledger.bodies.authorities import RotateKeys
from gtxnode.ledger.bodies.compliance import Halt, Lift
from gtxnode.ledger.bodies.evidence import (
    CheckpointPair,
    Elsewhere,
    Evidence,
    ProposalPair,
    VotePair,
)
from gtxnode.ledger.bodies.forwards import AssignContract, ForwardBid, ForwardOffer
from gtxnode.ledger.bodies.governance import CastVote, Propose
from gtxnode.ledger.bodies.grid import (
    FundGrid,
    PostGridStatus,
    SetCorridorLimits,
    SetZoneLimits,
)
from gtxnode.ledger.bodies.licences import GrantLicence, RevokeLicence
from gtxnode.ledger.bodies.meters import (
    HomeMeter,
    JudgeHeld,
    RegisterMeter,
    ResetMeter,
    RetireMeter,
    RotateMeterKey,
    SubmitRecord,
    TransferMeter,
)
from gtxnode.ledger.bodies.orders import Amend, Cancel, PlaceBuy, PlaceSell
from gtxnode.ledger.bodies.roll_calls import RollCall
from gtxnode.ledger.bodies.seeds import PledgeSeed, RenewChain, RevealSeed
from gtxnode.ledger.bodies.staking import Registration, Serve, Stake, Unjail, Unstake
from gtxnode.ledger.bodies.tariffs import ReplaceTariff
from gtxnode.ledger.bodies.transfers import Retire, RetireCredits, Transfer
from gtxnode.metering.meters import Reading

__all__ = [
    "KIND_NAMES",
    "Amend",
    "AssignContract",
    "Body",
    "Cancel",
    "CastVote",
    "CheckpointPair",
    "Elsewhere",
    "Evidence",
    "ForwardBid",
    "ForwardOffer",
    "FundGrid",
    "GrantLicence",
    "Halt",
    "HomeMeter",
    "JudgeHeld",
    "Lift",
    "PlaceBuy",
    "PlaceSell",
    "PledgeSeed",
    "PostGridStatus",
    "ProposalPair",
    "Propose",
    "Reading",
    "RegisterMeter",
    "Registration",
    "RenewChain",
    "ReplaceTariff",
    "ResetMeter",
    "Retire",
    "RetireCredits",
    "RetireMeter",
    "RevealSeed",
    "RevokeLicence",
    "RollCall",
    "RotateKeys",
    "RotateMeterKey",
    "Serve",
    "SetCorridorLimits",
    "SetZoneLimits",
    "Stake",
    "SubmitRecord",
    "Transfer",
    "TransferMeter",
    "Unjail",
    "Unstake",
    "VotePair",
    "is_energy",
]

Body: TypeAlias = (
    Transfer
    | RegisterMeter
    | Reading
    | PlaceSell
    | PlaceBuy
    | Cancel
    | Halt
    | Lift
    | Retire
    | RetireCredits
    | ReplaceTariff
    | Stake
    | Unstake
    | Unjail
    | Evidence
    | RollCall
    | ForwardOffer
    | ForwardBid
    | AssignContract
    | RotateMeterKey
    | ResetMeter
    | RetireMeter
    | Propose
    | CastVote
    | Serve
    | JudgeHeld
    | RenewChain
    | PledgeSeed
    | RevealSeed
    | PostGridStatus
    | SetCorridorLimits
    | SetZoneLimits
    | FundGrid
    | SubmitRecord
    | Amend
    | GrantLicence
    | RevokeLicence
    | RotateKeys
    | HomeMeter
    | TransferMeter
)

KIND_NAMES: Mapping[type[Body], str] = MappingProxyType(
    {
        Transfer: "transfer",
        RegisterMeter: "register_meter",
        Reading: "reading",
        PlaceSell: "place_sell",
        PlaceBuy: "place_buy",
        Cancel: "cancel",
        Halt: "halt",
        Lift: "lift",
        Retire: "retire",
        RetireCredits: "retire_credits",
        ReplaceTariff: "replace_tariff",
        Stake: "stake",
        Unstake: "unstake",
        Unjail: "unjail",
        Evidence: "evidence",
        RollCall: "roll_call",
        ForwardOffer: "forward_offer",
        ForwardBid: "forward_bid",
        AssignContract: "assign_contract",
        RotateMeterKey: "rotate_meter_key",
        ResetMeter: "reset_meter",
        RetireMeter: "retire_meter",
        Propose: "propose",
        CastVote: "vote",
        Serve: "serve",
        JudgeHeld: "judge_held",
        RenewChain: "renew_chain",
        PledgeSeed: "pledge_seed",
        RevealSeed: "reveal_seed",
        PostGridStatus: "post_grid_status",
        SetCorridorLimits: "set_corridor_limits",
        SetZoneLimits: "set_zone_limits",
        FundGrid: "fund_grid",
        SubmitRecord: "submit_record",
        Amend: "amend",
        GrantLicence: "grant_licence",
        RevokeLicence: "revoke_licence",
        RotateKeys: "rotate_keys",
        HomeMeter: "home_meter",
        TransferMeter: "transfer_meter",
    }
)
"""Each kind's name in interfaces and metrics."""

_ENERGY_KINDS = frozenset(
    {Reading, SubmitRecord, PlaceSell, PlaceBuy, Amend, Cancel, ForwardOffer, ForwardBid}
)


def is_energy(body: Body) -> bool:
    """Whether it travels in an energy batch: it pays no fee, work admits it."""
    return type(body) in _ENERGY_KINDS
