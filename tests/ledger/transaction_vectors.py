"""Test vectors for wallets in other languages: keys, bodies, bytes, ids, signatures, coins.

    python -m tests.ledger.transaction_vectors > docs/vectors/transactions.json

The file is generated, shipped and checked by test_vectors.py: a change of the wire form shows up
as a change of this file. Bytes are lower-case hex, integers decimal strings.
"""

import json
import sys
from enum import IntEnum
from hashlib import sha256
from typing import Any

import msgspec

from consensus import signing
from consensus.authorities import Authority as Seat
from consensus.checkpoints import Checkpoint, SignedCheckpoint, checkpoint_digest
from consensus.hash_chain import HashChain, Successor
from consensus.presence import OpenHeight
from consensus.reputation import Conduct
from consensus.seed import Pledge, SeedState
from consensus.turns import Misses
from consensus.types import (
    BLOCK_VERSION,
    UNSIGNED,
    Anchor,
    Commit,
    CommitSignature,
    Header,
    Vote,
    VoteKind,
    precommit_digest,
    proposal_digest,
    vote_digest,
)
from consensus.types import Proposal as BlockProposal
from consensus.types import block_id as block_id_of
from consensus.validators import Validator as Member
from gtxnode.grid.status import GridStatus
from gtxnode.ledger.authority.acts import Acts, LastAct, acts_coin_id
from gtxnode.ledger.authority.authorities import BarredKey, BarredKeys, barred_coin_id
from gtxnode.ledger.authority.authority_keys import AuthorityKeys, Rotation, authority_keys_coin_id
from gtxnode.ledger.authority.directives import (
    Directive,
    Directives,
    Halted,
    Licensed,
    directive_coin_id,
    directives_coin_id,
)
from gtxnode.ledger.authority.halts import (
    SPOT,
    Halts,
    OfMarket,
    OfTrader,
    StandingHalt,
    halts_coin_id,
)
from gtxnode.ledger.authority.tariff_series import TariffSeries, tariff_coin_id
from gtxnode.ledger.bodies import (
    KIND_NAMES,
    Amend,
    AssignContract,
    Body,
    Cancel,
    CastVote,
    CheckpointPair,
    Elsewhere,
    Evidence,
    ForwardBid,
    ForwardOffer,
    FundGrid,
    GrantLicence,
    Halt,
    HomeMeter,
    JudgeHeld,
    Lift,
    PlaceBuy,
    PlaceSell,
    PledgeSeed,
    PostGridStatus,
    ProposalPair,
    Propose,
    RegisterMeter,
    Registration,
    RenewChain,
    ReplaceTariff,
    ResetMeter,
    Retire,
    RetireCredits,
    RetireMeter,
    RevealSeed,
    RevokeLicence,
    RollCall,
    RotateKeys,
    RotateMeterKey,
    Serve,
    SetCorridorLimits,
    SetZoneLimits,
    Stake,
    SubmitRecord,
    Transfer,
    TransferMeter,
    Unjail,
    Unstake,
    VotePair,
    is_energy,
)
from gtxnode.ledger.coins import (
    Admission,
    BuyOrder,
    Cash,
    Coin,
    Credit,
    Energy,
    HeldEnergy,
    Lot,
    Origin,
    RecordKeyUse,
    SellOrder,
    Supply,
    admission_coin_id,
    encode_coin,
    fees_coin_id,
    meter_coin_id,
    output_id,
    record_key_coin_id,
    supply_coin_id,
)
from gtxnode.ledger.delivery.forward_coins import (
    Contract,
    ForwardBuy,
    ForwardSell,
    contract_coin_id,
)
from gtxnode.ledger.energy.retirement_coins import RetirementLog, retirement_log_coin_id
from gtxnode.ledger.energy.retirement_log import Retired, appended, leaf_of, retired_codec
from gtxnode.ledger.grid.grid_coins import (
    CorridorRange,
    CorridorUse,
    GridFund,
    GridLimits,
    OpenSlots,
    Sweep,
    ZoneRange,
    ZoneStatus,
    fund_coin_id,
    limits_coin_id,
    open_slots_coin_id,
    use_coin_id,
    wires_coin_id,
    zone_status_coin_id,
)
from gtxnode.ledger.market.licence_coins import Licence, licence_coin_id
from gtxnode.ledger.market.standing import Standing
from gtxnode.ledger.market.trading_day import TradingDay, trading_day_coin_id
from gtxnode.ledger.market.usage import (
    Bought,
    Counter,
    Window,
    Windows,
    counter_coin_id,
    windows_coin_id,
)
from gtxnode.ledger.metering.meter_home_coins import MeterHome, meter_home_coin_id
from gtxnode.ledger.metering.meters import registered
from gtxnode.ledger.registry.amendments import Change
from gtxnode.ledger.registry.proposals import (
    Agenda,
    Elector,
    Electorate,
    InForce,
    Proposal,
    Status,
    agenda_coin_id,
    electorate_coin_id,
    in_force_coin_id,
    proposal_coin_id,
)
from gtxnode.ledger.registry.proposers import (
    MissedTurns,
    MissRecord,
    RevealChain,
    Seeds,
    chain_coin_id,
    missed_turns_coin_id,
    seeds_coin_id,
)
from gtxnode.ledger.registry.validators import (
    Committee,
    Presence,
    Record,
    Roster,
    Unbonding,
    Validator,
    committee_coin_id,
    possession_digest,
    presence_coin_id,
    roster_coin_id,
    validator_coin_id,
)
from gtxnode.ledger.registry.votes import Choice, Tally
from gtxnode.ledger.transactions import Transaction, Witness, encode_body, encode_transaction, parse
from gtxnode.ledger.wallet import sign
from gtxnode.market.orders import Mark, Side, Terms
from gtxnode.market.slots import Slot
from gtxnode.metering.anomalies import Suspicion
from gtxnode.metering.meters import Direction, KeyCurve, Reading, RecordKey, meter_id_of
from gtxnode.primitives.addresses import address_of, format_address
from gtxnode.primitives.errors import Refused
from gtxnode.primitives.provinces import Province
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Role, Shard, Zone
from gtxnode.tariffs.tables import FuelSurcharge

CHAIN = "vectors/geo_bangkok"
ELSEWHERE = "vectors/geo_southern"
ABOUT = (
    "Test vectors for GridTokenX transactions. id = sha256(T || T || C || body) with "
    "T = sha256('tx') and C = sha256(chain_id); each witness signs the id (ECDSA on secp256k1, "
    "RFC 6979, low S, r || s). address = the first 20 bytes of sha256(A || A || E || public_key) "
    "with A = sha256('address') and E = sha256(''), in bech32m behind 'gtx'. Bytes are lower-case "
    "hex, integers decimal strings, texts {'text': ...}. Encodings are MessagePack arrays, a "
    "union's tag first; what has a 'table' is a map in this order, with that as text."
)
NAMES = ("somchai", "malee", "meter", "authority", "validator")
KEYS = {name: sha256(f"gridtokenx vector: {name}".encode()).digest() for name in NAMES}
PUBLIC = {name: signing.public_key(key) for name, key in KEYS.items()}
ADDRESS = {name: address_of(public) for name, public in PUBLIC.items()}
METER = meter_id_of(PUBLIC["meter"])
ORIGIN = Origin(Zone.BANGKOK, Source.SOLAR, 1_800_000_000, 1_800_003_600, METER)
SLOT = Slot(1_800_003_600, 3_600)
CASH_IN = output_id(sha256(b"a cash coin").digest(), 0)
ENERGY_IN = output_id(sha256(b"an energy coin").digest(), 258)

CREDIT_IN = output_id(sha256(b"a credit coin").digest(), 1)
LATER_FT = FuelSurcharge(from_s=1_800_100_000, source="ERC", ft_uthb_per_kwh=-25_000)

REGISTRATION = RegisterMeter(
    METER, PUBLIC["meter"], ADDRESS["somchai"], Province.BANGKOK, Source.SOLAR, 5_000,
    Direction.BOTH, 1_800_000_000, 120_000, 45_000,
)  # fmt: skip
READING = Reading(
    METER, 1, 0, 1_800_000_000, 1_800_003_600, 120_250, 48_000, 230_100, 49_980, -970_000
)
GRID_STATUS = GridStatus(49_950, 97, 990_000, 120_000, 150_000, 475)
RECORD_KEY = RecordKey(
    KeyCurve.SECP256R1,
    bytes.fromhex(
        "04d360332fad9bc83afaff4a740de8a516bf1b8fb3fde360ff1d03979c1f943ee2"
        "e8a66007fd276b0271265c6db092c4a0c5eb8c45fdc436502c8a095f5d5745f2"
    ),
    "MT-4711",
    "F",
)
RECORD = (
    b'OCMF|{"FV": "1.1", "GS": "GW-1", "PG": "F1", "MS": "MT-4711", "RD": ['
    b'{"TM": "2027-01-15T16:00:00,000+0700 S", "RV": 120.25, "RI": "1-0:1.8.0", "RU": "kWh", '
    b'"EF": "", "ST": "G"}, '
    b'{"TM": "2027-01-15T16:00:00,000+0700 S", "RV": 48, "RI": "1-0:2.8.0", "RU": "kWh", '
    b'"EF": "", "ST": "G"}]}|{"SD": "'
    b"3045022100e6cc591547f674736b13a54c294727d3e5d05a60d31959700748a52ab325592a02"
    b'20626adce8d49cdcc0a7bdc847133df041bc3a1fd1e44456d51631b8457b67e74a"}'
)
"""Signed once and for all: no two signatures of one record are alike."""
VALIDATOR = PUBLIC["validator"]
COMMITMENT = sha256(b"the end of a hash chain").digest()


def voted(block: str, valid_round: int, chain_id: str = CHAIN) -> Vote:
    """A prevote of the validator for a block."""
    block_id = sha256(block.encode()).digest()
    vote = Vote(VoteKind.PREVOTE, 7, 1, block_id, valid_round, VALIDATOR, UNSIGNED)
    signature = signing.sign(KEYS["validator"], vote_digest(chain_id, vote))
    return msgspec.structs.replace(vote, signature=signature)


def final_elsewhere(chain_id: str = ELSEWHERE) -> tuple[Header, Commit]:
    """A block of another chain, and a precommit for it."""
    roots = {
        name: sha256(name.encode()).digest()
        for name in ("parent_id", "last_commit_root", "payload_root", "app_root")
    }
    header = Header(
        version=BLOCK_VERSION,
        chain_id=chain_id,
        height=6,
        time_ms=1_800_003_600_000,
        **roots,
        validators_root=bytes(32),
        next_validators_root=bytes(32),
        proposer=VALIDATOR,
        anchor=Anchor(2_400, sha256(b"the registry's block").digest()),
    )
    commit = Commit(6, 0, block_id_of(header), ())
    digest = precommit_digest(chain_id, commit, VALIDATOR)
    precommit = CommitSignature(VALIDATOR, signing.sign(KEYS["validator"], digest))
    return header, msgspec.structs.replace(commit, signatures=(precommit,))


def elsewhere() -> Evidence:
    """Two prevotes on another chain, and the block there that was final before them."""
    place = Elsewhere(ELSEWHERE, *final_elsewhere(), 1)
    votes = voted("one block", 0, ELSEWHERE), voted("another", -1, ELSEWHERE)
    return Evidence(VotePair(*votes), place)


def proposed(block: str) -> BlockProposal:
    """A proposal of the validator."""
    block_id = sha256(block.encode()).digest()
    proposal = BlockProposal(7, 1, -1, block_id, VALIDATOR, UNSIGNED)
    signature = signing.sign(KEYS["validator"], proposal_digest(CHAIN, proposal))
    return msgspec.structs.replace(proposal, signature=signature)


def stated(height: int, block: str) -> SignedCheckpoint:
    """A checkpoint that the authority has signed."""
    block_id = sha256(block.encode()).digest()
    checkpoint = Checkpoint(CHAIN, 2, height, block_id, COMMITMENT, COMMITMENT, COMMITMENT)
    signature = signing.sign(KEYS["authority"], checkpoint_digest(checkpoint))
    return SignedCheckpoint(checkpoint, PUBLIC["authority"], signature)


SIGNED: tuple[tuple[Body, tuple[str, ...]], ...] = (
    (
        Halt(OfMarket(Zone.BANGKOK, SPOT), 1_800_086_400, "Frequency", 1_800_000_000_000),
        ("authority",),
    ),
    (
        Halt(OfTrader(ADDRESS["malee"]), 1_800_086_400, "Inquiry", 1_800_000_000_001),
        ("authority",),
    ),
    (Lift(OfMarket(product=900), 1_800_000_000_002), ("authority",)),
    (
        Transfer(
            (CASH_IN,),
            (Cash(ADDRESS["malee"], 3_500_000), Cash(ADDRESS["somchai"], 2**63 - 1)),
            "สวัสดี".encode(),
        ),
        ("somchai",),
    ),
    (
        Transfer((ENERGY_IN, CASH_IN), (Energy(ADDRESS["malee"], 50_000, ORIGIN),)),
        ("somchai", "malee"),
    ),
    (REGISTRATION, ("authority",)),
    (READING, ("meter",)),
    (Reading(METER, 5, 1, 1_800_003_600, 1_800_018_000, 121_000, 60_000), ("meter",)),
    (PlaceSell(ADDRESS["somchai"], (ENERGY_IN,), 100_000, 3_500), ("somchai",)),
    (PlaceBuy(ADDRESS["malee"], (CASH_IN,), 50_000, 4_000, 1_800_086_400), ("malee",)),
    (ForwardOffer(ADDRESS["somchai"], (CASH_IN,), SLOT, METER, 5_000, 3_500), ("somchai",)),
    (ForwardBid(ADDRESS["malee"], (CASH_IN,), SLOT, Zone.BANGKOK, 5_000, 4_000), ("malee",)),
    (Cancel(sha256(b"an order").digest()), ("somchai",)),
    (
        PlaceBuy(
            ADDRESS["malee"],
            (CASH_IN,),
            50_000,
            4_000,
            0,
            True,
            Terms(1 << Source.SOLAR | 1 << Source.WIND, ADDRESS["somchai"], True),
        ),
        ("malee",),
    ),
    (
        Amend(sha256(b"an order").digest(), 25_000, 3_600, (ENERGY_IN,), 2),
        ("somchai",),
    ),
    (GrantLicence(1_800_000_000_000, ADDRESS["malee"], 5_000_000, 1_831_536_000), ("authority",)),
    (HomeMeter(METER, PUBLIC["meter"], Shard.GEO_BANGKOK), ("authority",)),
    (TransferMeter(METER, 3, ADDRESS["malee"], 1_800_003_600), ("authority",)),
    (HomeMeter(METER, RECORD_KEY, Shard.FUNC_ENERGYTRADING), ("authority",)),
    (RevokeLicence(1_800_000_000_001, ADDRESS["malee"]), ("authority",)),
    (
        Retire((ENERGY_IN, CASH_IN), (Cash(ADDRESS["malee"], 1),), ADDRESS["malee"], b"home"),
        ("malee",),
    ),
    (
        Retire((ENERGY_IN, CASH_IN), (), ADDRESS["malee"], b"", METER),
        ("malee",),
    ),
    (
        RetireCredits(
            (CREDIT_IN, CASH_IN), (Credit(ADDRESS["malee"], 5_000_000),), ADDRESS["somchai"]
        ),
        ("malee",),
    ),
    (ReplaceTariff(1_800_000_000_000, LATER_FT), ("authority",)),
    (
        Stake(
            VALIDATOR,
            (CASH_IN,),
            2_000_000_000,
            (Cash(ADDRESS["somchai"], 1_499_999_000),),
            Registration(
                ADDRESS["somchai"],
                Zone.BANGKOK,
                signing.sign(
                    KEYS["validator"], possession_digest(CHAIN, VALIDATOR, ADDRESS["somchai"])
                ),
                COMMITMENT,
            ),
        ),
        ("somchai",),
    ),
    (Stake(VALIDATOR, (CASH_IN,), 1_000_000), ("somchai",)),
    (Unstake(VALIDATOR, (CASH_IN,), 1_000_000, (Cash(ADDRESS["somchai"], 5),)), ("somchai",)),
    (Unjail(VALIDATOR, (CASH_IN,)), ("somchai",)),
    (AssignContract(sha256(b"a trade").digest(), ADDRESS["malee"], (CASH_IN,)), ("somchai",)),
    (Serve(VALIDATOR, (Shard.FUNC_COMPLIANCE, Shard.GEO_BANGKOK), (CASH_IN,)), ("somchai",)),
    (Evidence(VotePair(voted("one block", 0), voted("another", -1))), ("malee",)),
    (Evidence(ProposalPair(proposed("one block"), proposed("another"))), ("malee",)),
    (elsewhere(), ("malee",)),
    (Evidence(CheckpointPair(stated(300, "one block"), stated(300, "another"))), ("malee",)),
    (RotateMeterKey(METER, 1, PUBLIC["malee"]), ("authority", "malee")),
    (RotateMeterKey(METER, 1, RECORD_KEY), ("authority",)),
    (SubmitRecord(METER, RECORD_KEY, RECORD), ("malee",)),
    (ResetMeter(METER, 2, 1_800_007_200, 0, 1_500), ("authority",)),
    (RetireMeter(METER, 3), ("authority",)),
    (
        Propose(
            ADDRESS["somchai"],
            (CASH_IN,),
            "Twice the fee",
            (Change("min_fee_ugtx", "2000"),),
            120,
            (Cash(ADDRESS["somchai"], 5),),
        ),
        ("somchai",),
    ),
    (CastVote(3, VALIDATOR, Choice.ABSTAIN, (CASH_IN,)), ("somchai",)),
    (JudgeHeld((ENERGY_IN,), True, b"seen on site"), ("authority",)),
    (JudgeHeld((ENERGY_IN,), False), ("authority",)),
    (RenewChain(VALIDATOR, 7, COMMITMENT), ("validator",)),
    (PledgeSeed(7, COMMITMENT), ("authority",)),
    (RollCall(*final_elsewhere(), 1), ("validator",)),
    (RotateKeys(Role.ERC, 1, (PUBLIC["malee"],)), ("authority", "malee")),
    (RevealSeed(9, sha256(b"a value").digest()), ("authority",)),
    (
        PostGridStatus((Zone.WESTERN, Zone.SOUTHERN), GRID_STATUS, 1_800_000_000_000),
        ("authority",),
    ),
    (
        SetCorridorLimits(
            Zone.WESTERN, Zone.SOUTHERN, 1_800_000_000, 1_800_003_600, 430, 1_000, 1_800_000_000_001
        ),
        ("authority",),
    ),
    (
        SetZoneLimits(Zone.SOUTHERN, 1_800_000_000, 1_800_003_600, None, 25, 1_800_000_000_002),
        ("authority",),
    ),
    (FundGrid((CASH_IN,), 1_000_000, (Cash(ADDRESS["somchai"], 5),)), ("somchai",)),
)
CONTRACT = Contract(
    *(ADDRESS["malee"], ADDRESS["somchai"], SLOT, METER, Zone.BANGKOK, Zone.BANGKOK),
    *(3_500, 6_380, 5_000, 3_000, 1_800_004_500, 1_800_093_600, 12, 0),
)
SLOT_S = 1_800_000_000
ORDER_ID = sha256(b"an order").digest()
RETIRED = (
    Retired(
        sha256(b"a retirement").digest(),
        7,
        1_800_003_700_000,
        ADDRESS["malee"],
        METER,
        (Lot(3_000, ORIGIN), Lot(500, msgspec.structs.replace(ORIGIN, source=Source.GAS))),
        (1_500_000, 0),
    ),
)
COINS: tuple[tuple[bytes, Coin], ...] = (
    (
        halts_coin_id(CHAIN),
        Halts(
            (
                StandingHalt(OfMarket(), Role.EGAT, 1_800_000_000, 1_800_003_600, "Blackout"),
                StandingHalt(
                    OfTrader(ADDRESS["malee"]), Role.ERC, 1_800_000_001, 1_800_086_400, "Inquiry"
                ),
            )
        ),
    ),
    (
        counter_coin_id(CHAIN, "evening_peak", 1_800_010_800, ADDRESS["malee"][0]),
        Counter((Bought(ADDRESS["malee"], 50_000),)),
    ),
    (
        windows_coin_id(CHAIN),
        Windows((Window("evening_peak", 1_800_010_800, 1_800_025_200, b"\x80" + bytes(31)),)),
    ),
    (CASH_IN, Cash(ADDRESS["somchai"], 3_500_000)),
    (ENERGY_IN, Energy(ADDRESS["somchai"], 3_000, ORIGIN)),
    (
        ENERGY_IN,
        HeldEnergy(ADDRESS["somchai"], 3_000, ORIGIN, Province.BANGKOK, (Suspicion.NIGHT_SOLAR,)),
    ),
    (CREDIT_IN, Credit(ADDRESS["malee"], 10_000_000)),
    (tariff_coin_id(CHAIN, FuelSurcharge), TariffSeries((LATER_FT,))),
    (record_key_coin_id(CHAIN, RECORD_KEY), RecordKeyUse(METER)),
    (
        meter_home_coin_id(CHAIN, PUBLIC["meter"]),
        MeterHome(METER, Shard.GEO_BANGKOK, 9_601),
    ),
    (meter_coin_id(CHAIN, METER), registered(REGISTRATION)),
    (
        output_id(ORDER_ID, 0),
        SellOrder(
            ADDRESS["somchai"],
            3_500,
            (Lot(100_000, ORIGIN),),
            1_800_086_400,
            12,
            3,
            Standing(Terms(display_wh=10_000), 4_000, 2),
        ),
    ),
    (output_id(ORDER_ID, 0), BuyOrder(ADDRESS["malee"], 4_000, 50_000, 1_800_086_400, 12, 4)),
    (
        output_id(ORDER_ID, 0),
        ForwardSell(
            *(ADDRESS["somchai"], 3_500, 5_000, SLOT, METER, Zone.BANGKOK, Source.SOLAR, 2_880),
            *(1_800_002_700, 1_800_001_800, 12, 5),
            Standing(Terms(display_wh=1_000, zone=Zone.BANGKOK), 1_000, 2),
        ),
    ),
    (
        output_id(ORDER_ID, 0),
        ForwardBuy(
            *(ADDRESS["malee"], 4_000, 5_000, SLOT, Zone.BANGKOK, 1_800_002_700, 1_800_002_700),
            *(12, 6),
        ),
    ),
    (contract_coin_id(ORDER_ID), CONTRACT),
    (supply_coin_id(CHAIN), Supply(3_000, 1_000, 10**15)),
    (admission_coin_id(CHAIN), Admission(20_000)),
    (fees_coin_id(CHAIN, 12), Cash(ADDRESS["authority"], 1_000)),
    (
        validator_coin_id(CHAIN, VALIDATOR),
        Validator(
            VALIDATOR,
            ADDRESS["somchai"],
            Zone.BANGKOK,
            2_000_000_000,
            (Unbonding(1_000_000, 200),),
            0,
            500_000,
            COMMITMENT,
        ),
    ),
    (roster_coin_id(CHAIN), Roster((VALIDATOR,))),
    (
        committee_coin_id(CHAIN, 3),
        Committee(3, (Member(VALIDATOR, 2_000_000_000, 500_000, Zone.BANGKOK),), (VALIDATOR,)),
    ),
    (
        presence_coin_id(CHAIN),
        Presence(
            (OpenHeight(7, sha256(b"a block").digest(), (VALIDATOR,)),),
            (Record(VALIDATOR, Conduct(20, 19, 3, 1)),),
        ),
    ),
    (barred_coin_id(CHAIN), BarredKeys((BarredKey(PUBLIC["authority"], 12),))),
    (
        missed_turns_coin_id(CHAIN),
        MissedTurns((MissRecord(VALIDATOR, Misses(3, 9, 109)),)),
    ),
    (
        seeds_coin_id(CHAIN),
        Seeds(
            SeedState(
                9,
                sha256(b"a seed").digest(),
                sha256(b"a mix").digest(),
                sha256(b"another").digest(),
                (Pledge(Role.EGAT, COMMITMENT),),
                (),
                (Pledge(Role.ERC, COMMITMENT, sha256(b"a value").digest()),),
            )
        ),
    ),
    (
        chain_coin_id(CHAIN, VALIDATOR),
        RevealChain(HashChain(sha256(b"a tip").digest(), 2, Successor(COMMITMENT, 8), 3)),
    ),
    (
        zone_status_coin_id(CHAIN, Zone.SOUTHERN),
        ZoneStatus(Zone.SOUTHERN, GRID_STATUS, 1_800_000_000_000, Role.EGAT),
    ),
    (
        limits_coin_id(CHAIN),
        GridLimits(
            (CorridorRange(Zone.WESTERN, Zone.SOUTHERN, SLOT_S, SLOT_S + 3_600, 430, 1_000),),
            (ZoneRange(Zone.SOUTHERN, SLOT_S, SLOT_S + 3_600, None, 25),),
        ),
    ),
    (
        use_coin_id(CHAIN, SLOT_S),
        CorridorUse(SLOT_S, (-4_000_000_000_000,), (0, 4_000_000), (4_000_000, 0)),
    ),
    (
        open_slots_coin_id(CHAIN),
        OpenSlots(
            (SLOT_S, SLOT_S + 900),
            (
                Sweep(None),
                Sweep(Slot(SLOT_S, 900), Mark(Side.BUY, 4_000, sha256(b"a bid").digest()), True),
            ),
        ),
    ),
    (fund_coin_id(CHAIN), GridFund(35_000_000)),
    (wires_coin_id(CHAIN, 12, Role.EGAT), Cash(ADDRESS["authority"], 41_000_000)),
    (acts_coin_id(CHAIN), Acts((LastAct(Role.ERC, 46, 1_800_000_000_000),))),
    (agenda_coin_id(CHAIN), Agenda(3, (2, 3))),
    (
        proposal_coin_id(CHAIN, 3),
        Proposal(
            number=3,
            transaction=sha256(b"a proposal").digest(),
            proposer=ADDRESS["somchai"],
            deposit_ugtx=1_000_000_000,
            title="Twice the fee",
            changes=(Change("min_fee_ugtx", "2000"),),
            replaced=("1000",),
            proposed_height=1_201,
            voting_epoch=26,
            last_voting_epoch=97,
            activation_epoch=122,
            quorum_ppm=600_000,
            approval_ppm=600_000,
            status=Status.PASSED,
            choices=bytes([Choice.YES, 0, Choice.NO]).ljust(11, b"\x03"),
            tally=Tally(2_000_000_000, 1_000_000_000, 0, 4_000_000_000),
        ),
    ),
    (
        electorate_coin_id(CHAIN, 26),
        Electorate(26, 31_200, (Elector(VALIDATOR, ADDRESS["somchai"], 2_000_000_000),)),
    ),
    (
        licence_coin_id(CHAIN, ADDRESS["malee"]),
        Licence(ADDRESS["malee"], 5_000_000, 1_831_536_000),
    ),
    (
        trading_day_coin_id(CHAIN),
        TradingDay(20_833, 200_000, 700_000_000, 150_000, 540_000_000),
    ),
    (
        authority_keys_coin_id(CHAIN),
        AuthorityKeys(
            (Seat(Role.ERC, (PUBLIC["authority"],)),),
            (Rotation(Role.ERC, 1, (PUBLIC["malee"],), 8, 9_600),),
        ),
    ),
    (in_force_coin_id(CHAIN), InForce(1, 122, 146_400, 3, '{"min_fee_ugtx":2000}')),
    (
        directive_coin_id(CHAIN, 3),
        Directive(
            3,
            9_601,
            Halted(StandingHalt(OfMarket(), Role.EGAT, 1_800_000_000, 1_800_003_600, "Blackout")),
        ),
    ),
    (
        directive_coin_id(CHAIN, 4),
        Directive(4, 9_700, Licensed(Licence(ADDRESS["malee"], 5_000_000, 1_831_536_000))),
    ),
    (directives_coin_id(CHAIN), Directives(4)),
    (
        retirement_log_coin_id(CHAIN),
        RetirementLog(*appended(CHAIN, None, RETIRED)[:2]),
    ),
)


def plain(value: Any) -> Any:
    """A value as JSON shows it: fields by name, bytes in hex, integers as decimals, texts apart."""
    if isinstance(value, msgspec.Struct):
        shown = {name: plain(getattr(value, name)) for name in value.__struct_fields__}
        tag, array = value.__struct_config__.tag, value.__struct_config__.array_like
        if not array:
            return {value.__struct_config__.tag_field: tag, **shown}
        return shown if tag is None else {"tag": str(tag), **shown}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, IntEnum):
        return str(value.value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value != CHAIN:
        return {"text": value}
    return value.hex() if isinstance(value, bytes) else value


def key(name: str) -> dict[str, str]:
    return {
        "name": name,
        "private_key": KEYS[name].hex(),
        "public_key": PUBLIC[name].hex(),
        "address": ADDRESS[name].hex(),
        "text": format_address(ADDRESS[name]),
    }


def transaction(body: Body, signers: tuple[str, ...]) -> dict[str, Any]:
    signed = sign(CHAIN, body, *(KEYS[name] for name in signers))
    witnesses = parse(CHAIN, signed.encoded).witnesses
    return {
        "kind": KIND_NAMES[type(body)],
        "signers": list(signers),
        "is_energy": is_energy(body),
        "body": plain(body),
        "body_encoded": encode_body(body).hex(),
        "id": signed.id.hex(),
        "witnesses": [plain(witness) for witness in witnesses],
        "encoded": signed.encoded.hex(),
    }


def refused() -> list[dict[str, str]]:
    """Bytes that no node takes, with the reason's code."""
    body, signers = SIGNED[0]
    good = sign(CHAIN, body, *(KEYS[name] for name in signers))
    twice = Transfer((CASH_IN, CASH_IN), (Cash(ADDRESS["malee"], 1),))
    both = parse(CHAIN, sign(CHAIN, body, KEYS["somchai"], KEYS["malee"]).encoded).witnesses
    unsorted = Transaction(body, both[::-1])
    nothing = Transaction(Transfer((CASH_IN,), (Cash(ADDRESS["malee"], 0),)), both[:1])
    cases = {
        "a byte behind its end": good.encoded + b"\xc0",
        "cut short": good.encoded[:-1],
        "a longer form of the outer array's length": b"\xdc\x00\x02" + good.encoded[1:],
        "an amount of zero": encode_transaction(nothing),
        "no witness": encode_transaction(Transaction(body, ())),
        "witnesses in the wrong order": encode_transaction(unsorted),
        "one coin named twice": sign(CHAIN, twice, KEYS["somchai"]).encoded,
    }
    return [
        {"why": why, "reason": _reason(encoded), "encoded": encoded.hex()}
        for why, encoded in cases.items()
    ]


def badly_signed() -> list[dict[str, str]]:
    """Transactions whose form holds and whose signature does not."""
    body, _ = SIGNED[0]
    good = parse(CHAIN, sign(CHAIN, body, KEYS["somchai"]).encoded).witnesses[0]
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = order - int.from_bytes(good.signature[32:], "big")
    elsewhere = sign("another", body, KEYS["somchai"]).encoded
    twin = Witness(good.public_key, good.signature[:32] + high.to_bytes(32, "big"))
    stranger = Witness(PUBLIC["malee"], good.signature)
    cases = {
        "the higher of the two S": encode_transaction(Transaction(body, (twin,))),
        "another key's signature": encode_transaction(Transaction(body, (stranger,))),
        "signed for another chain": elsewhere,
    }
    return [{"why": why, "encoded": encoded.hex()} for why, encoded in cases.items()]


def _reason(encoded: bytes) -> str:
    try:
        parse(CHAIN, encoded)
    except Refused as refusal:
        return refusal.reason.value
    raise AssertionError("it is taken")


def vectors() -> dict[str, Any]:
    """All of them."""
    return {
        "about": ABOUT,
        "chain_id": CHAIN,
        "keys": [key(name) for name in NAMES],
        "meter_id": METER.hex(),
        "transactions": [transaction(*entry) for entry in SIGNED],
        "refused": refused(),
        "badly_signed": badly_signed(),
        "retirements": [
            {
                "entry": plain(entry),
                "encoded": retired_codec.encode(entry).hex(),
                "leaf": leaf_of(CHAIN, retired_codec.encode(entry)).hex(),
            }
            for entry in RETIRED
        ],
        "coins": [
            {
                "kind": type(coin).__name__,
                "id": coin_id.hex(),
                "coin": plain(coin),
                "encoded": encode_coin(coin).hex(),
            }
            for coin_id, coin in COINS
        ],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n")
