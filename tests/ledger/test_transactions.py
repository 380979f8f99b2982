"""The wire form: what is read, what is refused, and what an id stands for."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus import signing
from consensus.authorities import MAX_AUTHORITIES, MAX_KEYS_PER_ROLE
from consensus.authorities import Authority as Seat
from consensus.checkpoints import Checkpoint, SignedCheckpoint
from consensus.encoding import MAX_HEIGHT, DecodeError
from consensus.hash_chain import MAX_LINKS, HashChain, Successor
from consensus.presence import OpenHeight
from consensus.reputation import Conduct
from consensus.seed import Pledge, SeedState
from consensus.turns import Misses
from consensus.types import MAX_VALIDATORS
from consensus.validators import MAX_STAKE
from consensus.validators import Validator as Member
from gtxnode.batches.checking import check_signatures
from gtxnode.grid.status import GridStatus
from gtxnode.ledger import wallet
from gtxnode.ledger.authority.acts import Acts, LastAct
from gtxnode.ledger.authority.authorities import MAX_BARRED, BarredKey, BarredKeys
from gtxnode.ledger.authority.authority_keys import MAX_ROTATIONS, AuthorityKeys, Rotation
from gtxnode.ledger.authority.directives import (
    Directive,
    Directives,
    Halted,
    Licensed,
    Lifted,
    TariffSet,
    Unlicensed,
)
from gtxnode.ledger.authority.halts import (
    MAX_CAUSE_LENGTH,
    MAX_HALTS,
    Halts,
    OfMarket,
    OfTrader,
    StandingHalt,
)
from gtxnode.ledger.authority.tariff_series import TariffSeries
from gtxnode.ledger.bodies import (
    KIND_NAMES,
    Amend,
    AssignContract,
    Body,
    Cancel,
    CastVote,
    CheckpointPair,
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
    MAX_COIN_BYTES,
    MAX_LOTS,
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
    decode_coin,
    encode_coin,
    owners_of,
)
from gtxnode.ledger.delivery.forward_coins import Contract, ForwardBuy, ForwardSell
from gtxnode.ledger.grid.grid_coins import (
    MAX_OPEN_SLOTS,
    MAX_RANGES,
    MAX_SWEEPS,
    CorridorRange,
    CorridorUse,
    GridFund,
    GridLimits,
    OpenSlots,
    Sweep,
    ZoneRange,
    ZoneStatus,
)
from gtxnode.ledger.market.licence_coins import Licence
from gtxnode.ledger.market.standing import Standing
from gtxnode.ledger.market.trading_day import TradingDay
from gtxnode.ledger.market.usage import (
    MAX_LIMITS,
    MAX_TRADERS_PER_COUNTER,
    Bought,
    Counter,
    Window,
    Windows,
)
from gtxnode.ledger.metering.meter_home_coins import MeterHome
from gtxnode.ledger.metering.meters import registered
from gtxnode.ledger.registry.amendments import (
    MAX_NAME_LENGTH,
    MAX_TEXT_BYTES,
    MAX_VALUE_LENGTH,
    Change,
)
from gtxnode.ledger.registry.attendance import MAX_OPEN_CALLS, Attendance, OpenCall, RollCalls
from gtxnode.ledger.registry.proposals import (
    MAX_CHANGES,
    MAX_NUMBER,
    MAX_TITLE_LENGTH,
    Agenda,
    Elector,
    Electorate,
    InForce,
    Proposal,
    SeatUse,
)
from gtxnode.ledger.registry.proposers import MissedTurns, MissRecord, RevealChain, Seeds
from gtxnode.ledger.registry.validators import (
    MAX_EPOCH,
    MAX_LATE_HEIGHTS,
    MAX_REGISTERED,
    MAX_SEATS,
    MAX_UNBONDING,
    PPM,
    Committee,
    Presence,
    Record,
    Roster,
    Unbonding,
    Validator,
)
from gtxnode.ledger.registry.votes import MAX_OPEN_PROPOSALS, Choice, Tally
from gtxnode.ledger.transactions import (
    MAX_TRANSACTION_BYTES,
    Transaction,
    Witness,
    encode_body,
    encode_transaction,
    parse,
    transaction_id,
)
from gtxnode.market.orders import ANY_SOURCE, Mark, Side, Terms
from gtxnode.market.slots import Slot
from gtxnode.metering.anomalies import Suspicion
from gtxnode.metering.meters import MAX_TIME_S, Meter, Reading
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.provinces import Province
from gtxnode.primitives.sources import Source
from gtxnode.primitives.units import MAX_AMOUNT
from gtxnode.primitives.zones import Role, Shard, Zone
from gtxnode.tariffs.thailand import THAI_TABLES
from tests.ledger.little_chain import (
    CHAIN,
    address,
    meter_of,
    private_key,
    public_key,
    registration,
    signed,
)
from tests.ledger.little_registry import prevote, proposal
from tests.ledger.transaction_vectors import RECORD, RECORD_KEY, final_elsewhere

COIN = bytes(34)
OWNER = address("somchai")
KEY = public_key("somchai's node")
CHECKPOINT = Checkpoint(CHAIN, 1, 100, *[bytes(32)] * 4)
SIGNED_CHECKPOINT = SignedCheckpoint(CHECKPOINT, KEY, bytes(64))
SLOT = Slot(1_800_003_600, 3_600)
ORIGIN = Origin(Zone.BANGKOK, Source.SOLAR, 0, 3_600, bytes(16))
LONGEST_HALT = StandingHalt(
    OfTrader(OWNER), Role.ERC, MAX_TIME_S, MAX_TIME_S, "ก" * MAX_CAUSE_LENGTH
)
BODIES: tuple[Body, ...] = (
    Halt(OfMarket(), 1, "why", 2),
    Lift(OfTrader(OWNER), 3),
    Transfer((COIN,), (Cash(OWNER, 1), Energy(OWNER, 2, ORIGIN)), b"memo"),
    registration("somchai"),
    Reading(meter_of("somchai"), 1, 0, 0, 3_600, 5, 7, 230_000, 50_000, 990_000),
    PlaceSell(OWNER, (COIN,), 1_000, 3_500),
    PlaceBuy(OWNER, (COIN,), 1_000, 3_500, 1),
    ForwardOffer(OWNER, (COIN,), SLOT, bytes(16), 1_000, 3_500),
    ForwardBid(OWNER, (COIN,), SLOT, Zone.BANGKOK, 1_000, 3_500),
    Cancel(bytes(32)),
    Amend(bytes(32), 1_000, 3_500, (COIN,)),
    GrantLicence(1, OWNER, 2, 3),
    RevokeLicence(1, OWNER),
    Retire((COIN,), (), OWNER),
    Retire((COIN,), (), OWNER, b"", bytes(16)),
    RetireCredits((COIN,), (Credit(OWNER, 5),), OWNER),
    *[ReplaceTariff(1, table) for table in THAI_TABLES],
    Stake(KEY, (COIN,), 5, (Cash(OWNER, 1),), Registration(OWNER, Zone.BANGKOK, bytes(64))),
    Unstake(KEY, (COIN,), 5),
    Unjail(KEY, (COIN,)),
    AssignContract(bytes(32), OWNER, (COIN,)),
    Serve(KEY, (Shard.GEO_BANGKOK,), (COIN,)),
    Evidence(VotePair(prevote("somchai", 7, "one"), prevote("somchai", 7, None))),
    Evidence(ProposalPair(proposal("somchai", 7, "one"), proposal("somchai", 7, "two"))),
    Evidence(CheckpointPair(SIGNED_CHECKPOINT, SIGNED_CHECKPOINT)),
    RollCall(*final_elsewhere(Shard.GEO_SOUTHERN), 1),
    RotateMeterKey(meter_of("somchai"), 1, KEY),
    HomeMeter(meter_of("somchai"), KEY, Shard.GEO_BANGKOK),
    TransferMeter(meter_of("somchai"), 1, OWNER, 0),
    ResetMeter(meter_of("somchai"), 1, 0, 0, 0),
    RetireMeter(meter_of("somchai"), 1),
    Propose(OWNER, (COIN,), "สวัสดี", (Change("min_fee_ugtx", "2"),), 3, (Cash(OWNER, 1),)),
    CastVote(1, KEY, Choice.NO, (COIN,), (Cash(OWNER, 1),)),
    JudgeHeld((COIN,), True, b"memo"),
    RenewChain(KEY, MAX_EPOCH, bytes(32)),
    PledgeSeed(1, bytes(32)),
    RotateKeys(Role.ERC, 1, (KEY,)),
    RevealSeed(1, bytes(32)),
    PostGridStatus((Zone.SOUTHERN,), GridStatus(49_950, 97, 990_000, 0, 150_000, 475), 1),
    SetCorridorLimits(Zone.WESTERN, Zone.SOUTHERN, 0, 900, 10, 10, 1),
    SetZoneLimits(Zone.SOUTHERN, 0, 900, None, 10, 1),
    FundGrid((COIN,), 5, (Cash(OWNER, 1),)),
    RotateMeterKey(meter_of("somchai"), 1, RECORD_KEY),
    SubmitRecord(meter_of("somchai"), RECORD_KEY, RECORD),
)
PLEDGES = (Pledge(2**16 - 1, bytes(32), bytes(32)),) * MAX_AUTHORITIES
FULLEST = Validator(
    KEY,
    OWNER,
    Zone.SOUTHERN,
    MAX_STAKE,
    (Unbonding(MAX_STAKE, MAX_EPOCH),) * MAX_UNBONDING,
    MAX_EPOCH,
    PPM,
    bytes(32),
    tuple(sorted(Shard)),
)
GREATEST = Proposal(
    number=MAX_NUMBER,
    transaction=bytes(32),
    proposer=OWNER,
    deposit_ugtx=MAX_STAKE,
    title="ก" * MAX_TITLE_LENGTH,
    changes=(Change("n" * MAX_NAME_LENGTH, "v" * 1_000),) * MAX_CHANGES,
    replaced=("v" * MAX_VALUE_LENGTH,) * MAX_CHANGES,
    proposed_height=1,
    voting_epoch=MAX_EPOCH,
    last_voting_epoch=MAX_EPOCH,
    activation_epoch=MAX_EPOCH,
    quorum_ppm=1,
    approval_ppm=PPM,
    choices=bytes(MAX_REGISTERED),
    tally=Tally(MAX_AMOUNT, 0, 0, MAX_AMOUNT),
)
"""A proposal cannot be longer: its changes came in one transaction."""
COINS: tuple[Coin, ...] = (
    Halts((LONGEST_HALT,) * MAX_HALTS),
    Counter((Bought(OWNER, MAX_AMOUNT),) * MAX_TRADERS_PER_COUNTER),
    Windows((Window("evening_peak", 1, 2, bytes(32)),) * MAX_LIMITS),
    Cash(OWNER, MAX_AMOUNT),
    Energy(OWNER, 1, ORIGIN),
    RecordKeyUse(meter_of("somchai")),
    MeterHome(meter_of("somchai"), Shard.GEO_BANGKOK, 7),
    HeldEnergy(OWNER, 1, ORIGIN, Province.BANGKOK, tuple(Suspicion)),
    Credit(OWNER, 1),
    TariffSeries(THAI_TABLES),
    registered(registration("somchai")),
    SellOrder(OWNER, 3_500, (Lot(1, ORIGIN),), 1, 2, 3),
    BuyOrder(OWNER, 3_500, 1_000, 1, 2, 3, Standing(Terms(2, OWNER, True, 5), 4, 1), 2),
    Licence(OWNER, 1, 2),
    TradingDay(1, 2, 3, 4, 5),
    ForwardSell(
        *(OWNER, 3_500, 1_000, SLOT, bytes(16), Zone.BANGKOK, Source.SOLAR, 2_880, 2, 1, 2, 3),
        Standing(Terms(partner=OWNER, zone=Zone.BANGKOK)),
    ),
    ForwardBuy(OWNER, 3_500, 1_000, SLOT, Zone.BANGKOK, 2, 1, 2, 3),
    Contract(
        *(OWNER, address("malee"), SLOT, bytes(16), Zone.BANGKOK, Zone.BANGKOK),
        *(3_500, 6_380, 1_000, 500, 1, 2, 3, 4),
    ),
    RollCalls(
        MAX_HEIGHT,
        MAX_HEIGHT,
        (
            OpenCall(
                OpenHeight(MAX_HEIGHT, bytes(32), (KEY,) * MAX_VALIDATORS),
                MAX_EPOCH,
                MAX_HEIGHT,
                MAX_HEIGHT,
            ),
        )
        * MAX_OPEN_CALLS,
        (Attendance(KEY, MAX_HEIGHT, MAX_HEIGHT),) * MAX_REGISTERED,
    ),
    Supply(0, 0, 0),
    FULLEST,
    Roster((KEY,) * MAX_REGISTERED),
    Committee(
        MAX_EPOCH, (Member(KEY, MAX_STAKE, PPM, Zone.SOUTHERN),) * MAX_SEATS, (KEY,) * MAX_SEATS
    ),
    Presence(
        (OpenHeight(2**50, bytes(32), (KEY,) * MAX_SEATS),) * MAX_LATE_HEIGHTS,
        (Record(KEY, Conduct(*[2**50] * 6)),) * (2 * MAX_SEATS),
    ),
    BarredKeys((BarredKey(KEY, 2**50),) * MAX_BARRED),
    Acts((LastAct(Role.EGAT, 3, 4),)),
    Agenda(
        MAX_NUMBER,
        (MAX_NUMBER,) * (MAX_OPEN_PROPOSALS + MAX_SEATS),
        (SeatUse(MAX_NUMBER, KEY),) * MAX_SEATS,
    ),
    GREATEST,
    Electorate(MAX_EPOCH, 5, (Elector(KEY, OWNER, MAX_STAKE),) * MAX_REGISTERED),
    InForce(1, 2, 3, 4, "x" * MAX_TEXT_BYTES),
    AuthorityKeys(
        (Seat(1, (KEY,) * MAX_KEYS_PER_ROLE),) * MAX_AUTHORITIES,
        (Rotation(Role.ERC, 1, (KEY,) * MAX_KEYS_PER_ROLE, MAX_EPOCH, MAX_HEIGHT),) * MAX_ROTATIONS,
    ),
    MissedTurns((MissRecord(KEY, Misses(1_000, 2**50, 2**50)),) * MAX_VALIDATORS),
    Seeds(SeedState(2**50, bytes(32), bytes(32), bytes(32), PLEDGES, PLEDGES, PLEDGES)),
    RevealChain(HashChain(bytes(32), MAX_LINKS - 1, Successor(bytes(32), 2**50), 2**50)),
    ZoneStatus(Zone.SOUTHERN, GridStatus(49_950, 97, 990_000, 0, 150_000, 475), 1, Role.EGAT),
    GridLimits(
        (CorridorRange(Zone.WESTERN, Zone.SOUTHERN, 0, 2**40, 10**6, 10**6),) * MAX_RANGES,
        (ZoneRange(Zone.SOUTHERN, 0, 2**40, 10**6, 10**6),) * MAX_RANGES,
    ),
    CorridorUse(900, (-(2**63), 2**63 - 1), (1,) * 7, (2,) * 7),
    OpenSlots(
        (2**40,) * MAX_OPEN_SLOTS,
        (Sweep(Slot(2**40, 3_600), Mark(Side.SELL, MAX_AMOUNT, bytes(32)), True),) * MAX_SWEEPS,
    ),
    GridFund(MAX_AMOUNT),
    Directive(MAX_NUMBER, MAX_HEIGHT, Halted(LONGEST_HALT)),
    Directive(1, 2, Lifted(OfMarket(Zone.SOUTHERN, 900))),
    Directive(1, 2, Licensed(Licence(OWNER, 1, 2))),
    Directive(1, 2, Unlicensed(OWNER)),
    *[Directive(1, 2, TariffSet(table)) for table in THAI_TABLES],
    Directives(MAX_NUMBER),
)


def refusal(data: bytes) -> Reason:
    with pytest.raises(Refused) as caught:
        parse(CHAIN, data)
    return caught.value.reason


def wire(body: Body, *witnesses: Witness) -> bytes:
    return encode_transaction(Transaction(body, witnesses or (Witness(bytes(33), bytes(64)),)))


@pytest.mark.parametrize("body", BODIES, ids=lambda body: KIND_NAMES[type(body)])
def test_each_kind_is_read_as_it_was_written(body: Body) -> None:
    sent = signed(body, "somchai")
    parsed = parse(CHAIN, sent.encoded)
    assert parsed.body == body
    assert parsed.id == sent.id == transaction_id(CHAIN, body)
    assert all(signing.verify_slice(parsed.signature_checks()))
    checked = parsed.verified()
    assert checked == sent
    assert checked.signers == (public_key("somchai"),)
    assert checked.addresses == (OWNER,)


def test_evidence_that_accuses_nobody_is_not_read() -> None:
    one, other = prevote("somchai", 7, "one"), prevote("somchai", 7, "two")
    for second in (one, prevote("somchai", 7, "two", 1), prevote("malee", 7, "two")):
        assert refusal(wire(Evidence(VotePair(one, second)))) is Reason.INVALID_EVIDENCE
    twice = proposal("somchai", 7, "one")
    assert refusal(wire(Evidence(ProposalPair(twice, twice)))) is Reason.INVALID_EVIDENCE
    assert parse(CHAIN, wire(Evidence(VotePair(one, other)))).exhibits


def test_evidence_that_was_never_signed_is_noticed_with_the_witnesses() -> None:
    one, other = prevote("somchai", 7, "one"), prevote("somchai", 7, "two")
    forged = msgspec.structs.replace(other, signature=one.signature)
    parsed = parse(CHAIN, signed(Evidence(VotePair(one, forged)), "malee").encoded)
    assert signing.verify_slice(parsed.signature_checks()) == [True, True, False]
    (refused,) = check_signatures([parsed])
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.BAD_SIGNATURE
    elsewhere = wallet.sign("another", Evidence(VotePair(one, other)), private_key("malee"))
    parsed = parse("another", elsewhere.encoded)
    assert signing.verify_slice(parsed.signature_checks()) == [True, False, False]


def test_every_kind_is_in_the_tables() -> None:
    assert {type(body) for body in BODIES} == set(KIND_NAMES)
    energy = {type(body) for body in BODIES if is_energy(body)}
    orders = {PlaceSell, PlaceBuy, Amend, Cancel, ForwardOffer, ForwardBid}
    assert energy == {Reading, SubmitRecord} | orders


OWNED = (
    Cash,
    Credit,
    Energy,
    HeldEnergy,
    Meter,
    SellOrder,
    BuyOrder,
    ForwardSell,
    ForwardBuy,
    Contract,
    Licence,
    Validator,
    Proposal,
)
"""All other coins are the chain's own."""


@pytest.mark.parametrize("coin", COINS, ids=lambda coin: type(coin).__name__)
def test_each_coin_is_read_as_it_was_written(coin: Coin) -> None:
    assert decode_coin(encode_coin(coin)) == coin
    owners = owners_of(coin)
    assert owners[:1] == ((OWNER,) if isinstance(coin, OWNED) else ())
    assert len(owners) == (2 if isinstance(coin, Contract) else isinstance(coin, OWNED))


def test_the_longest_coin_fits() -> None:
    origin = Origin(Zone.BANGKOK, Source.SOLAR, MAX_TIME_S, MAX_TIME_S, bytes(16))
    lots = (Lot(MAX_AMOUNT, origin),) * MAX_LOTS
    standing = Standing(Terms(ANY_SOURCE, OWNER, True, MAX_AMOUNT), MAX_AMOUNT, MAX_AMOUNT)
    order = SellOrder(OWNER, MAX_AMOUNT, lots, MAX_TIME_S, MAX_AMOUNT, MAX_AMOUNT, standing)
    assert len(encode_coin(order)) < MAX_COIN_BYTES


def test_an_id_binds_chain_and_body_but_no_witness() -> None:
    body = BODIES[0]
    assert transaction_id(CHAIN, body) != transaction_id("another", body)
    one, other = signed(body, "somchai"), signed(body, "malee")
    assert one.id == other.id
    assert one.encoded != other.encoded
    assert len({transaction_id(CHAIN, body) for body in BODIES}) == len(BODIES)


def test_two_witnesses_are_sorted() -> None:
    sent = signed(BODIES[0], "somchai", "malee")
    first, second = parse(CHAIN, sent.encoded).witnesses
    assert first.public_key < second.public_key
    assert refusal(wire(BODIES[0], second, first)) is Reason.WITNESSES_UNSORTED
    assert refusal(wire(BODIES[0], first, first)) is Reason.WITNESSES_UNSORTED


def test_a_coin_named_twice_is_refused() -> None:
    for body in (
        Transfer((COIN, COIN), (Cash(OWNER, 1),)),
        Retire((COIN, COIN), (), OWNER),
        PlaceBuy(OWNER, (COIN, COIN), 1, 1),
    ):
        assert refusal(wire(body)) is Reason.DUPLICATE_INPUT


many = tuple(index.to_bytes(34, "big") for index in range(257))


@pytest.mark.parametrize(
    "body",
    [
        Transfer((), (Cash(OWNER, 1),)),
        Transfer((COIN,), ()),
        Transfer((b"short",), (Cash(OWNER, 1),)),
        Transfer((COIN,), (Cash(OWNER, 0),)),
        Transfer((COIN,), (Cash(OWNER, -1),)),
        Transfer((COIN,), (Cash(OWNER, MAX_AMOUNT + 1),)),
        Transfer((COIN,), (Cash(b"short", 1),)),
        Transfer((COIN,), (Energy(OWNER, 0, ORIGIN),)),
        Transfer((COIN,), (Supply(1, 0, 0),)),  # type: ignore[arg-type]
        Transfer((COIN,), (Cash(OWNER, 1),), bytes(65)),
        Transfer(many, (Cash(OWNER, 1),)),
        Transfer((COIN,), (Cash(OWNER, 1),) * 257),
        PlaceSell(OWNER, many[:65], 1, 1),
        PlaceSell(OWNER, (COIN,), 0, 1),
        PlaceBuy(OWNER, (COIN,), 1, 0),
        PlaceBuy(OWNER, (COIN,), 1, 1, -1),
        Cancel(bytes(31)),
        ForwardBid(OWNER, (COIN,), Slot(-900, 900), Zone.BANGKOK, 1, 1),
        ForwardBid(OWNER, (COIN,), Slot(0, 0), Zone.BANGKOK, 1, 1),
        Reading(bytes(15), 1, 0, 0, 1, 0, 0),
        Reading(bytes(16), 0, 0, 0, 1, 0, 0),
        Reading(bytes(16), 1, 0, 0, 1, 0, -1),
        Reading(bytes(16), 1, 0, 0, 2**63, 0, 0),
        registration("somchai", capacity_w=0),
        registration("somchai", province=8),
        registration("somchai", source="sun"),
    ],
)
def test_what_is_outside_its_limits_is_malformed(body: Body) -> None:
    assert refusal(wire(body)) is Reason.MALFORMED_TRANSACTION


@pytest.mark.parametrize("witnesses", [(), (Witness(bytes(33), bytes(64)),) * 17])
def test_witnesses_are_between_one_and_sixteen(witnesses: tuple[Witness, ...]) -> None:
    encoded = encode_transaction(Transaction(BODIES[0], witnesses))
    assert refusal(encoded) is Reason.MALFORMED_TRANSACTION


def test_a_transaction_that_is_too_long_is_neither_written_nor_read() -> None:
    body = Transfer(many[:256], (Energy(OWNER, MAX_AMOUNT, ORIGIN),) * 256)
    with pytest.raises(ValueError, match="at most"):
        encode_transaction(Transaction(body, (Witness(bytes(33), bytes(64)),)))
    assert refusal(bytes(MAX_TRANSACTION_BYTES + 1)) is Reason.MALFORMED_TRANSACTION


@given(st.binary(max_size=300))
def test_garbage_is_read_or_refused(data: bytes) -> None:
    read_or_refuse(data)


@given(st.sampled_from(BODIES), st.data())
def test_a_damaged_transaction_is_read_or_refused(body: Body, data: st.DataObject) -> None:
    encoded = bytearray(wire(body))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(encoded) - 1))
        damage = data.draw(st.sampled_from(["set", "cut", "drop", "repeat"]))
        match damage:
            case "set":
                encoded[place] = data.draw(st.integers(0, 255))
            case "cut":
                del encoded[place + 1 :]
            case "drop" if len(encoded) > 1:
                del encoded[place]
            case _:
                encoded[place:place] = encoded[place : place + 8]
    read_or_refuse(bytes(encoded))


def read_or_refuse(data: bytes) -> None:
    """The sentence: garbage parses, to what encodes to the same bytes, or raises that error."""
    try:
        parsed = parse(CHAIN, data)
    except Refused:
        return
    assert encode_transaction(Transaction(parsed.body, parsed.witnesses)) == data
    witnessed = parsed.signature_checks()[: len(parsed.witnesses)]
    assert signing.verify_slice(witnessed) == [False] * len(parsed.witnesses)


@given(st.one_of(st.binary(max_size=200), st.sampled_from(COINS).map(encode_coin)), st.data())
def test_a_stored_coin_is_read_or_refused(encoded: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, max(0, len(encoded) - 1)))
    damaged = encoded[:place] + data.draw(st.binary(max_size=2)) + encoded[place + 1 :]
    try:
        coin = decode_coin(damaged)
    except DecodeError:
        return
    assert encode_coin(coin) == damaged


@pytest.mark.parametrize("write", [encode_body, lambda body: wire(body)])
def test_encoding_is_a_function_of_the_value(write: Callable[[Body], bytes]) -> None:
    for body in BODIES:
        assert write(body) == write(type(body)(*[getattr(body, f) for f in body.__struct_fields__]))
