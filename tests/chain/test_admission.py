"""What pays no fee is carried for nobody but those who may send it."""

import pytest

from gtxnode.admission import Admission
from gtxnode.ledger.bodies import Body, PledgeSeed, RenewChain, RevealSeed
from gtxnode.ledger.wallet import sign
from gtxnode.primitives.errors import Reason, Refused
from tests.chain.registry import CHAIN, FOUNDER, NEWCOMER, OWNER, PUBLIC, Registry
from tests.seeds.test_duty import ERC, SEEDED

RENEWAL = RenewChain(PUBLIC[FOUNDER], 0, bytes(32))


def admission() -> Admission:
    return Admission(Registry(SEEDED).store, lambda _: False, lambda: 0)


@pytest.mark.parametrize(
    ("body", "by", "reason"),
    [
        (RENEWAL, OWNER, Reason.NOT_OWNER),
        (RenewChain(PUBLIC[NEWCOMER], 0, bytes(32)), NEWCOMER, Reason.UNKNOWN_VALIDATOR),
        (PledgeSeed(0, bytes(32)), FOUNDER, Reason.NOT_AUTHORISED),
        (RevealSeed(2, bytes(32)), OWNER, Reason.NOT_AUTHORISED),
    ],
)
def test_who_may_not_send_it_is_refused_at_the_door(body: Body, by: bytes, reason: Reason) -> None:
    with pytest.raises(Refused) as refused:
        admission().admit(sign(CHAIN, body, by))
    assert refused.value.reason is reason


def test_who_may_send_it_is_let_in() -> None:
    at_the_door = admission()
    at_the_door.admit(sign(CHAIN, RENEWAL, FOUNDER))
    at_the_door.admit(sign(CHAIN, PledgeSeed(0, bytes(32)), ERC))
