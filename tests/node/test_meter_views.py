"""What the interfaces say of meters: what is held, whose it is to judge, records to the byte."""

from datetime import UTC, datetime
from pathlib import Path

import trio

from gtxnode.ledger.bodies import JudgeHeld, RegisterMeter, SubmitRecord
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.metering.anomalies import DAY_S, AnomalyRules
from gtxnode.metering.curves import Curve
from gtxnode.metering.meters import Direction, KeyCurve, RecordKey
from gtxnode.metering.readings import ReadingLimits
from gtxnode.primitives.provinces import Province
from gtxnode.primitives.sources import Source
from gtxnode.rpc.errors import NotFound
from gtxnode.rpc.views.events import SuspectEvent
from gtxnode.rpc.views.transactions import TransactionState, VerdictStatus
from gtxnode.views.chain import ChainView
from p2p.simulated import SimulatedWorld, Weather
from tests.metering.makers import OBIS_EXPORT, der, ocmf, ocmf_payload, ocmf_reading, point
from tests.node.client import Client, TestMeter, settled
from tests.node.harness import cluster, key, now_ms, quick_genesis, utility_key, wallet

ALWAYS_DAY = AnomalyRules(daylight_from_s=0, daylight_to_s=DAY_S)
"""The tests' meters export by night as by day; that they are over capacity is what counts."""
PARAMETERS = ChainParameters(readings=ReadingLimits(anomalies=ALWAYS_DAY))


async def suspects(view: ChainView) -> list[tuple[str, int]]:
    """What the chain's events tell of suspect readings."""
    found: list[tuple[str, int]] = []
    for height in range(1, view.head().height + 1):
        for event in await view.events(height):
            if isinstance(event.body, SuspectEvent):
                found.append((event.body.became, int(event.body.energy_wh)))
    return found


async def test_what_is_held_is_listed_told_and_judged(tmp_path: Path) -> None:
    genesis = quick_genesis(1, parameters=PARAMETERS)
    with trio.fail_after(60):
        async with cluster(tmp_path, genesis, 1, SimulatedWorld(7, Weather())) as running:
            view = running.nodes[1].shard.view
            owner = Client(view, wallet(0))
            meter = TestMeter(view, key(3_001), owner.address, now_ms() // 1_000 - DAY_S)
            assert (await meter.register(capacity_w=5_000)).state is TransactionState.FINAL
            verdicts = await view.meters.submit([meter.reading(wh) for wh in (7_000, 7_400, 1_000)])
            assert {each.status for each in verdicts} == {VerdictStatus.ACCEPTED}
            for verdict in verdicts:
                assert verdict.id is not None
                await settled(view, verdict.id)

            page = await view.meters.held("MEA", after=None, limit=1)
            rest = await view.meters.held(None, after=page.next, limit=10)
            both = [*page.held, *rest.held]
            assert sorted(each.amount_wh for each in both) == [7_000, 7_400]
            assert rest.next is None
            first = both[0]
            assert (first.province, first.utility) == ("bangkok", "MEA")
            assert (first.meter, first.suspicions) == (meter.id, ("over_capacity",))
            assert (await view.meters.held("PEA", after=None, limit=10)).held == ()

            balance = await view.accounts.balance(owner.address)
            assert (balance.energy_wh, balance.energy_held_wh) == (1_000, 14_400)
            coins = (await view.accounts.coins(owner.address, after=None, limit=100)).coins
            assert [each.kind for each in coins].count("held_energy") == 2

            utility = Client(view, utility_key())
            for held, released in zip(both, (True, False), strict=True):
                body = JudgeHeld((bytes(held.id),), released)
                assert (await utility.send(body)).state is TransactionState.FINAL
            assert (await view.meters.held(None, after=None, limit=10)).held == ()
            supply = await view.ledger.supply()
            assert supply.minted_wh == 1_000 + both[0].amount_wh
            assert (supply.held_wh, supply.voided_wh) == (0, both[1].amount_wh)
            told = await suspects(view)
            assert sorted(told[:2]) == [("held", 7_000), ("held", 7_400)]
            assert told[2:] == [("released", both[0].amount_wh), ("voided", both[1].amount_wh)]


async def test_a_record_is_taken_and_given_back_to_the_byte(tmp_path: Path) -> None:
    with trio.fail_after(60):
        async with cluster(tmp_path, quick_genesis(1), 1, SimulatedWorld(8, Weather())) as running:
            view = running.nodes[1].shard.view
            record_key = RecordKey(KeyCurve.SECP256R1, point(Curve.SECP256R1), "MT-4711", "F")
            installed_s = now_ms() // 1_000 - DAY_S
            body = RegisterMeter(
                b"\x09" * 16, record_key, Client(view, wallet(0)).address, Province.BANGKOK,
                Source.SOLAR, 1_000_000, Direction.BOTH, installed_s,
            )  # fmt: skip
            assert (await Client(view, utility_key()).send(body)).state is TransactionState.FINAL
            shown = await view.meters.get(b"\x09" * 16)
            assert shown.record_key is not None
            assert (shown.record_key.curve, shown.record_key.serial) == ("secp256r1", "MT-4711")

            data = ocmf(ocmf_payload(ocmf_reading(RI=OBIS_EXPORT, TM=_time()), PG="F1"))
            sent = Client(view, wallet(1)).signed(SubmitRecord(b"\x09" * 16, record_key, data))
            broken = Client(view, wallet(1)).signed(body)
            verdicts = await view.meters.submit([sent.encoded, broken.encoded])
            assert [each.status for each in verdicts] == [
                VerdictStatus.ACCEPTED,
                VerdictStatus.REJECTED,
            ]
            assert (await settled(view, sent.id)).state is TransactionState.FINAL
            assert (await view.ledger.supply()).minted_wh == 1_234_567

            kept = await view.meters.record(sent.id)
            assert kept.record == data
            assert (kept.meter, kept.claims.counter) == (b"\x09" * 16, 1)
            for unknown in (bytes(32), broken.id):
                try:
                    await view.meters.record(unknown)
                except NotFound:
                    continue
                raise AssertionError("it is no record's")

            good = await view.meters.verdict(data, der(Curve.SECP256R1).hex())
            assert good.claims is not None
            assert (good.verdict, good.claims.serial) == ("valid", "MT-4711")
            bad = await view.meters.verdict(data, der(Curve.SECP256K1).hex())
            assert (bad.verdict, bad.code) == ("invalid", "wrong_curve")


async def test_provinces(tmp_path: Path) -> None:
    with trio.fail_after(60):
        async with cluster(tmp_path, quick_genesis(1), 1, SimulatedWorld(9, Weather())) as running:
            provinces = await running.nodes[1].shard.view.meters.provinces()
            assert len(provinces) == 77
            metropolitan = [each.name for each in provinces if each.utility == "MEA"]
            assert metropolitan == ["bangkok", "samut_prakan", "nonthaburi"]
            assert [each.name for each in provinces if each.taken] == ["bangkok"]


def _time() -> str:
    return datetime.fromtimestamp(now_ms() // 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%S,000+0000 S")
