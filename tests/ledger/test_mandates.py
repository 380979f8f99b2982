"""Who may sign what: the table, and acts that are taken once only."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtxnode.ledger.authority.acts import Acts, LastAct
from gtxnode.ledger.authority.authorities import BarredKey, BarredKeys, barred_coin_id
from gtxnode.ledger.authority.mandates import MANDATES
from gtxnode.ledger.bodies import KIND_NAMES, RegisterMeter
from gtxnode.ledger.coins import encode_coin
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.zones import Role
from tests.ledger.little_chain import CHAIN, LittleChain, public_key, registration, signed

ACTS = st.lists(
    st.builds(
        LastAct,
        st.sampled_from(Role),
        st.integers(min_value=0, max_value=3),
        st.integers(min_value=1, max_value=50),
    )
)


def test_every_row_is_of_a_known_kind_and_names_somebody() -> None:
    assert MANDATES
    for kind, mandate in MANDATES.items():
        assert kind in KIND_NAMES
        assert mandate.roles


@pytest.mark.parametrize("role", set(Role) - {Role.MEA})
def test_only_the_territorys_utility_registers_a_meter(role: Role) -> None:
    chain = LittleChain()
    assert MANDATES[RegisterMeter].territorial
    assert chain.refused(signed(registration("anan"), role.name)) is Reason.NOT_AUTHORISED
    chain.accepted(signed(registration("anan"), Role.MEA.name))


def test_a_key_that_was_barred_signs_nothing() -> None:
    chain = LittleChain()
    coin_id = barred_coin_id(CHAIN)
    barred = encode_coin(BarredKeys((BarredKey(public_key(Role.MEA.name), 0),)))
    chain.store[coin_id] = barred
    outcome = chain.execute(signed(registration("anan"), Role.MEA.name))
    assert [receipt.reason for receipt in outcome.receipts] == [Reason.NOT_AUTHORISED]


@given(ACTS)
def test_the_latest_act_of_each_role_and_kind_is_remembered(acts: list[LastAct]) -> None:
    kept = Acts()
    naive: dict[tuple[Role, int], int] = {}
    for act in acts:
        assert kept.issued_ms(act.role, act.kind) == naive.get((act.role, act.kind), 0)
        kept = kept.with_act(act)
        naive[act.role, act.kind] = act.issued_ms
    assert {(each.role, each.kind): each.issued_ms for each in kept.latest} == naive
    assert kept == msgspec.convert(msgspec.to_builtins(kept), Acts)
