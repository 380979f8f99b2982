"""The simulated meter against the rules that the ledger holds real ones to."""

from consensus import signing
from gtxnode.devnet import homes
from gtxnode.devnet.homes import CAPACITY_W, Hour
from gtxnode.devnet.meter import (
    BACKLOG_DAYS,
    HOUR_S,
    LIMITS,
    SimulatedMeter,
    first_midnight_s,
    local_hour,
)
from gtxnode.metering.meters import Direction, Meter, Reading, meter_id_of
from gtxnode.metering.readings import DAY_S, accept
from gtxnode.primitives.addresses import address_of
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone

KEY = bytes(31) + b"\x07"
PUBLIC = signing.public_key(KEY)
CHAIN = "test/geo_bangkok"
NOW_S = 1_795_000_000


def registered(start_s: int) -> Meter:
    return Meter(
        meter=meter_id_of(PUBLIC),
        public_key=PUBLIC,
        owner=address_of(PUBLIC),
        zone=Zone.BANGKOK,
        source=Source.SOLAR,
        capacity_w=homes.CONNECTION_W,
        direction=Direction.BOTH,
        counter=0,
        end_s=start_s,
        import_wh=0,
        export_wh=0,
    )


def simulated(hours: tuple[Hour, ...], start_s: int) -> SimulatedMeter:
    return SimulatedMeter(
        chain_id=CHAIN, meter=meter_id_of(PUBLIC), key=KEY, hours=hours, start_s=start_s
    )


def test_every_reading_of_every_home_is_accepted() -> None:
    start_s = first_midnight_s(NOW_S)
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
            meter = metered.meter


def test_a_reading_is_signed_by_the_meter() -> None:
    transaction = simulated((Hour(1, 0),), 0).read().transaction
    assert transaction.signers == (PUBLIC,)


def test_meters_begin_at_a_local_midnight_within_the_age_that_is_taken() -> None:
    for now_s in range(NOW_S, NOW_S + DAY_S, 1_234):
        start_s = first_midnight_s(now_s)
        assert local_hour(start_s) == 0
        assert start_s % HOUR_S == 0
        assert BACKLOG_DAYS * DAY_S <= now_s - start_s < (BACKLOG_DAYS + 1) * DAY_S
        assert now_s - start_s - HOUR_S < LIMITS.max_age_s


def test_the_hours_of_the_data_are_the_hours_of_the_day() -> None:
    # the slice begins at midnight, so its panels make most around noon
    start_s = first_midnight_s(NOW_S)
    noon, midnight = [], []
    for hours in homes.load():
        for index, hour in enumerate(hours):
            at = local_hour(start_s + index * HOUR_S)
            if at == 12:
                noon.append(hour.solar_wh)
            elif at == 0:
                midnight.append(hour.solar_wh)
    assert sum(midnight) == 0
    assert sum(noon) / len(noon) > CAPACITY_W / 10
