"""Licences: what is free to all, what needs one, who gives and takes it."""

import pytest

from gtxnode.ledger.bodies import GrantLicence, RevokeLicence
from gtxnode.ledger.market.licence_coins import Licence, licence_coin_id
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason
from tests.ledger.forward_chain import ForwardChain
from tests.ledger.little_chain import CHAIN, HOUR_S, KWH, LittleChain, address, signed


@pytest.fixture
def chain() -> LittleChain:
    return LittleChain("malee", "niran")


def grant(
    chain: LittleChain, kwh: int, *, later_ms: int = 0, for_s: int = HOUR_S, by: str = "ERC"
) -> CheckedTransaction:
    body = GrantLicence(
        chain.now_s * 1_000 + later_ms, address("malee"), kwh * KWH, chain.now_s + for_s
    )
    return signed(body, by)


def revoke(chain: LittleChain, by: str = "ERC") -> CheckedTransaction:
    return signed(RevokeLicence(chain.now_s * 1_000, address("malee")), by)


def test_an_order_over_1000_kwh_needs_a_licence_and_fits_it(chain: LittleChain) -> None:
    chain.accepted(chain.buy("malee", 1_000 * KWH, 3_500))
    large = chain.buy("malee", 1_000 * KWH + 1, 3_500)
    assert chain.refused(large) is Reason.NO_LICENCE
    chain.accepted(grant(chain, 2_000))
    chain.accepted(large)
    assert chain.refused(chain.buy("malee", 2_000 * KWH + 1, 3_500)) is Reason.NO_LICENCE
    assert chain.refused(chain.buy("niran", 1_000 * KWH + 1, 3_500)) is Reason.NO_LICENCE
    coin = chain.coin(licence_coin_id(CHAIN, address("malee")))
    assert isinstance(coin, Licence)
    assert coin.max_wh == 2_000 * KWH


def test_a_licence_expires_and_is_replaced(chain: LittleChain) -> None:
    chain.accepted(grant(chain, 2_000, for_s=10))
    large = chain.buy("malee", 1_500 * KWH, 3_500)
    chain.block(after_s=9)
    assert chain.refused(large) is Reason.NO_LICENCE
    chain.accepted(grant(chain, 1_200))
    assert chain.refused(large) is Reason.NO_LICENCE
    chain.block()
    chain.accepted(grant(chain, 1_500))
    chain.accepted(large)


def test_a_revoked_licence_counts_no_more_and_no_one_brings_it_back(chain: LittleChain) -> None:
    granted = grant(chain, 2_000)
    chain.accepted(granted)
    resting = chain.buy("malee", 1_500 * KWH, 3_500)
    chain.accepted(resting)
    chain.accepted(revoke(chain))
    assert chain.order(resting) is not None, "what rests keeps its place"
    assert chain.refused(chain.buy("malee", 1_500 * KWH, 3_500)) is Reason.NO_LICENCE
    assert chain.refused(granted) is Reason.STALE_ACT
    chain.block()
    assert chain.refused(revoke(chain)) is Reason.UNKNOWN_LICENCE


def test_only_the_regulator_gives_and_takes(chain: LittleChain) -> None:
    for by in ("EGAT", "MEA", "PEA", "malee"):
        assert chain.refused(grant(chain, 2_000, by=by)) is Reason.NOT_AUTHORISED
        assert chain.refused(revoke(chain, by=by)) is Reason.NOT_AUTHORISED
    assert chain.refused(grant(chain, 2_000, for_s=0)) is Reason.EXPIRY_OUT_OF_BOUNDS


def test_an_order_for_a_slot_needs_one_as_well() -> None:
    chain = ForwardChain("malee", "niran")
    large = chain.bid("malee", 1_000 * KWH + 1, 3_500)
    assert chain.refused(large) is Reason.NO_LICENCE
    chain.accepted(grant(chain, 2_000))
    chain.accepted(large)
