"""The chain's parameters: what rules go by that is not a rule itself.

Every figure of policy is here with its default; genesis sets them, and authorities or governance
change them later. Execution takes the parameters that hold at its block as an argument.
"""

from typing import Annotated

import msgspec

from consensus.authorities import MAX_AUTHORITIES
from consensus.encoding import PublicKey
from consensus.proposers import ProposerWeights
from consensus.reputation import Millionths, ReputationRule
from consensus.turns import RestRule
from consensus.validators import MAX_STAKE
from gtxnode.carbon.credits import CarbonRules
from gtxnode.grid.model import GridModel
from gtxnode.ledger.authority.compliance import ComplianceRules
from gtxnode.ledger.delivery.forward_rules import ForwardRules
from gtxnode.ledger.metering.territories import Territories
from gtxnode.ledger.registry.validators import MAX_LATE_HEIGHTS, MAX_SEATS
from gtxnode.ledger.registry.votes import GovernanceRules
from gtxnode.market.fee import MOST_PPM
from gtxnode.market.orders import PriceRule
from gtxnode.metering.readings import DAY_S, Duration, ReadingLimits
from gtxnode.primitives.units import MAX_AMOUNT, UGTX_PER_GTX
from gtxnode.primitives.zones import Role, Zone
from gtxnode.tariffs.tables import TariffTable, check_complete
from gtxnode.tariffs.thailand import THAI_TABLES

Quantity = Annotated[int, msgspec.Meta(gt=0, le=10**12)]
Price = Annotated[int, msgspec.Meta(gt=0, le=10**6)]
Count = Annotated[int, msgspec.Meta(gt=0, le=10**6)]
MAX_TABLES = 64
SETS_AHEAD = 2
"""How many epochs ahead of its first height a validator set is fixed."""
DERIVED = ("zones", "authorities", "registry")
"""What a chain's parameters say of it that is not set, but follows from name and genesis."""


class Authority(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key of an authority. A role may have several."""

    role: Role
    public_key: PublicKey


class OrderLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an order is held against."""

    min_wh: Quantity = 100
    max_wh: Quantity = 10_000_000
    min_price_mgtx_per_kwh: Price = 1_000
    max_price_mgtx_per_kwh: Price = 10_000
    max_open_per_trader: Count = 100
    lifetime_s: Duration = DAY_S
    """Of an order that does not name its expiry."""
    max_lifetime_s: Duration = 7 * DAY_S
    max_block_traded_wh: Quantity = 100_000_000
    max_slices: Count = 100
    """That an iceberg may be cut into."""
    max_conditional_per_side: Annotated[int, msgspec.Meta(ge=0, le=10**5)] = 1_000
    """Open orders of one side that others may have to pass over: all-or-none, or with preferences.
    It bounds what an order that comes costs everybody."""
    max_all_or_none_per_side: Annotated[int, msgspec.Meta(ge=0, le=10**4)] = 100
    """Of those, the all-or-none ones."""
    licence_over_wh: Quantity = 1_000_000
    """Orders that are larger need the regulator's licence."""
    price_band_ppm: Millionths = 500_000
    """How far a price may be from the average of the day before."""
    price_band_least_wh: Annotated[int, msgspec.Meta(ge=0, le=10**12)] = 100_000
    """A day that traded less sets the next no bounds."""
    price_rule: PriceRule = PriceRule.ASK
    """At whose price spot orders trade."""
    trading_fee_ppm: Annotated[int, msgspec.Meta(ge=0, le=MOST_PPM)] = 0
    """Of the price of energy that changes hands; its seller bears it, block by block as fees."""


class AdmissionRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The work behind energy batches, and what sealing earns."""

    least_hashes: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)] = 1_024
    """What an energy batch costs on average in normal times: a millisecond or so."""
    batch_spacing_ms: Count = 20
    """The price stays there up to one batch in this time, in the busiest normal hour."""
    halflife_ms: Annotated[int, msgspec.Meta(gt=0, le=MAX_AMOUNT)] = 60_000
    """How far batches get ahead of that while the price doubles."""
    reading_reward_ugtx: Annotated[int, msgspec.Meta(ge=0, le=UGTX_PER_GTX)] = 100
    """Made for whoever sealed it, for each reading that takes effect."""


class StakingRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who validates, and what signing against the rules costs. The registry goes by them.

    Invariant: whatever has voted can still be slashed for it as long as evidence is taken.
    """

    epoch_blocks: Annotated[int, msgspec.Meta(ge=2, le=10**6)] = 1_200
    max_validators: Annotated[int, msgspec.Meta(ge=1, le=MAX_SEATS)] = 100
    """How many vote in an epoch: those with the largest stakes."""
    min_stake_ugtx: Annotated[int, msgspec.Meta(gt=0, le=MAX_STAKE)] = 1_000 * UGTX_PER_GTX
    evidence_epochs: Count = 168
    """How many epochs after an offence evidence of it is taken."""
    unbonding_epochs: Count = 192
    jail_epochs: Count = 24
    """For messages that contradict."""
    downtime_jail_epochs: Count = 2
    slash_ppm: Millionths = 50_000
    """Of all that is staked or unbonding, for messages that contradict."""
    late_heights: Annotated[int, msgspec.Meta(ge=0, le=MAX_LATE_HEIGHTS)] = 8
    """For how many blocks after its commit a height may still be signed."""
    roll_call_blocks: Annotated[int, msgspec.Meta(ge=1, le=10**6)] = 100
    """Every so many heights of another chain are called: who was there counts."""
    roll_call_open_blocks: Annotated[int, msgspec.Meta(ge=1, le=10**4)] = 20
    """For how many of the registry's blocks after its first call a height may still be signed; half
    an epoch at most."""
    reputation: ReputationRule = ReputationRule()

    def __post_init__(self) -> None:
        least = self.evidence_epochs + SETS_AHEAD
        if self.unbonding_epochs < least:
            raise ValueError(
                f"unbonding_epochs is {self.unbonding_epochs}, and must be {least} at least: "
                f"evidence_epochs and the {SETS_AHEAD} that a stake votes on"
            )
        if self.late_heights >= self.epoch_blocks * self.evidence_epochs:
            raise ValueError(
                f"late_heights is {self.late_heights}, and committees are known for "
                f"{self.epoch_blocks * self.evidence_epochs} heights back"
            )


class CheckpointRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the authorities sign, and how many of them it takes."""

    interval_blocks: Count = 100
    """Every block whose height is a multiple of it."""
    threshold: Annotated[int, msgspec.Meta(ge=0, le=MAX_AUTHORITIES)] = 0
    """Of the roles; 0 for the fewest that are over half: three of four."""


class ChainParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them, for one chain."""

    zones: tuple[Zone, ...] = ()
    """The zones whose meters it takes."""
    authorities: tuple[Authority, ...] = ()
    min_fee_ugtx: Annotated[int, msgspec.Meta(ge=0, le=MAX_AMOUNT)] = 1_000
    """Of an ordinary transaction."""
    territories: Territories = Territories()
    readings: ReadingLimits = ReadingLimits()
    orders: OrderLimits = OrderLimits()
    admission: AdmissionRules = AdmissionRules()
    staking: StakingRules = StakingRules()
    proposers: ProposerWeights = ProposerWeights()
    resting: RestRule = RestRule()
    """Of who misses turns to propose."""
    checkpoints: CheckpointRules = CheckpointRules()
    forwards: ForwardRules = ForwardRules()
    compliance: ComplianceRules = ComplianceRules()
    grid: GridModel | None = None
    """What trades between zones are held against; without one, nothing but the two orders."""
    governance: GovernanceRules = GovernanceRules()
    carbon: CarbonRules = CarbonRules()
    tariffs: Annotated[tuple[TariffTable, ...], msgspec.Meta(max_length=MAX_TABLES)] = THAI_TABLES
    """The first table of each kind; the regulator's transactions bring the later ones."""
    registry: bool = False
    """Whether this chain is the one that holds the validators' stakes."""

    def __post_init__(self) -> None:
        check_complete(self.tariffs)

    def keys_of(self, roles: frozenset[Role]) -> frozenset[bytes]:
        """The public keys of these authorities."""
        return frozenset(a.public_key for a in self.authorities if a.role in roles)

    def shared(self) -> "ChainParameters":
        """What all chains of the network have in common: the same, with nothing derived."""
        return msgspec.structs.replace(self, zones=(), authorities=(), registry=False)

    def on_chain_of(self, own: "ChainParameters") -> "ChainParameters":
        """The shared ones as they hold on one chain, whose parameters so far are `own`."""
        derived = {name: getattr(own, name) for name in DERIVED}
        return msgspec.structs.replace(self, **derived)
