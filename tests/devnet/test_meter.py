"""The simulated meter against the rules that the ledger holds real ones to."""

from consensus import signing
from gtxnode.devnet import homes
from gtxnode.devnet.homes import HOUR_S, Hour
from gtxnode.devnet.meter import (
    BACKLOG_DAYS,
    FIRST_HOUR,
    LIMITS,
    SimulatedMeter,
    first_morning_s,
    local_hour,
)
from gtxnode.metering.meters import Direction, Meter, Reading, meter_id_of
from gtxnode.metering.readings import DAY_S, accept
from gtxnode.primitives.addresses import address_of
from gtxnode.primitives.provinces import Province
from gtxnode.primitives.sources import Source

KEY = bytes(31) + b"\x07"
PUBLIC = signing.public_key(KEY)
CHAIN = "test/geo_bangkok"
NOW_S = 1_795_000_000


def registered(start_s: int) -> Meter:
    return Meter(
        meter=meter_id_of(PUBLIC),
        public_key=PUBLIC,
        owner=address_of(PUBLIC),
        province=Province.BANGKOK,
        source=Source.SOLAR,
        capacity_w=homes.CONNECTION_W,
        direction=Direction.BOTH,
        counter=0,
        end_s=start_s,
        import_wh=0,
        export_wh=0,
        moved_s=start_s,
    )


def simulated(hours: tuple[Hour, ...], start_s: int) -> SimulatedMeter:
    return SimulatedMeter(
        chain_id=CHAIN, meter=meter_id_of(PUBLIC), key=KEY, hours=hours, start_s=start_s
    )


def test_every_reading_of_every_home_is_accepted() -> None:
    start_s = first_morning_s(NOW_S)
    for hours in homes.load():
        meter, playing = registered(start_s), simulated(hours, start_s)
        for _ in range(homes.HOURS + 24):  # and from the beginning again
            signed = playing.read()
            body = signed.transaction.body
            assert isinstance(body, Reading)
            metered = accept(meter, body, block_time_ms=NOW_S * 1_000, limits=LIMITS)
            assert (metered.imported_wh, metered.exported_wh) == (
                signed.import_wh,
                signed.export_wh,
            )
            assert metered.suspicions == ()
            meter = metered.meter


def test_a_reading_is_signed_by_the_meter() -> None:
    transaction = simulated((Hour(1, 0),), 0).read().transaction
    assert transaction.signers == (PUBLIC,)


def test_meters_begin_on_a_morning_within_the_age_that_is_taken() -> None:
    for now_s in range(NOW_S, NOW_S + DAY_S, 1_234):
        start_s = first_morning_s(now_s)
        assert local_hour(start_s) == FIRST_HOUR
        assert start_s % HOUR_S == 0
        age_s = now_s - start_s
        assert (BACKLOG_DAYS - 1) * DAY_S < age_s < (BACKLOG_DAYS + 1) * DAY_S
        assert age_s < LIMITS.max_age_s


def test_the_hours_of_the_data_are_the_hours_of_the_day() -> None:
    # panels make nothing in the hour after midnight, and most around noon
    start_s = first_morning_s(NOW_S)
    at_noon = 0
    for hours in homes.load():
        playing = simulated(tuple(Hour(0, hour.solar_wh) for hour in hours), start_s)
        for _ in range(homes.HOURS):
            at = local_hour(playing.end_s)
            exported_wh = playing.read().export_wh
            assert exported_wh == 0 or at != 0
            at_noon += exported_wh if at == 12 else 0
    assert at_noon / homes.HOMES / (homes.HOURS // 24) > homes.CAPACITY_W / 10
