"""Who may sign what: one row for each kind of transaction that only authorities send.

A new kind gets a row in `MANDATES`, and its rule asks, among its checks,

    role = authorised(state, transaction)

which says on whose behalf it was signed, or refuses. Where each utility has a territory, the rule
gives the utilities of the place that the act is about:

    utility = state.context.parameters.territories.utility_of(province)
    role = authorised(state, transaction, frozenset({utility}))

An act that a later one replaces (a status, a table, a halt) could be sent again by anyone who has
seen it. Its body therefore has a field `issued_ms: IssuedMs` (acts.py): `authorised` refuses one
that is not later than the authority's last of that kind, and the rule, once it changes the state,
calls `enter(state, transaction, role)`. An act that can take effect once only, such as the
registration of a meter, needs neither.

That is all: whatever has a row is listed by `compliance.mandates`, and is in the audit trail.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from gtxnode.ledger.authority.acts import Acts, LastAct, acts_coin_id
from gtxnode.ledger.authority.authorities import BarredKeys, barred_coin_id
from gtxnode.ledger.block_state import Bench, BlockState
from gtxnode.ledger.bodies import (
    KIND_NAMES,
    Body,
    GrantLicence,
    Halt,
    HomeMeter,
    JudgeHeld,
    Lift,
    PledgeSeed,
    PostGridStatus,
    RegisterMeter,
    ReplaceTariff,
    ResetMeter,
    RetireMeter,
    RevealSeed,
    RevokeLicence,
    RotateKeys,
    RotateMeterKey,
    SetCorridorLimits,
    SetZoneLimits,
    TransferMeter,
)
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.zones import Role

_UTILITIES = frozenset({Role.MEA, Role.PEA})


class Mandate(NamedTuple):
    """The authorities that may sign one kind of transaction."""

    roles: frozenset[Role]
    territorial: bool = False
    """Whether only the utility may whose territory it is about."""


MANDATES: Mapping[type[Body], Mandate] = MappingProxyType(
    {
        RegisterMeter: Mandate(_UTILITIES, territorial=True),
        HomeMeter: Mandate(_UTILITIES),
        Halt: Mandate(frozenset({Role.ERC, Role.EGAT})),
        Lift: Mandate(frozenset({Role.ERC, Role.EGAT})),
        RotateMeterKey: Mandate(_UTILITIES, territorial=True),
        ResetMeter: Mandate(_UTILITIES, territorial=True),
        RetireMeter: Mandate(_UTILITIES, territorial=True),
        TransferMeter: Mandate(_UTILITIES, territorial=True),
        JudgeHeld: Mandate(_UTILITIES, territorial=True),
        PledgeSeed: Mandate(frozenset(Role)),
        RevealSeed: Mandate(frozenset(Role)),
        # As many of them as a checkpoint takes (rotation.py).
        RotateKeys: Mandate(frozenset(Role)),
        ReplaceTariff: Mandate(frozenset({Role.ERC})),
        PostGridStatus: Mandate(frozenset({Role.EGAT})),
        SetCorridorLimits: Mandate(frozenset({Role.EGAT})),
        SetZoneLimits: Mandate(_UTILITIES, territorial=True),
        GrantLicence: Mandate(frozenset({Role.ERC})),
        RevokeLicence: Mandate(frozenset({Role.ERC})),
    }
)


def authorised(
    state: BlockState, transaction: CheckedTransaction, territory: frozenset[Role] | None = None
) -> Role:
    """On behalf of which authority a transaction is signed; changes nothing.

    `territory` names the utilities of the place that a territorial act is about. Refuses what no
    such authority signed, and an act that is not new.
    """
    mandate = MANDATES[type(transaction.body)]
    assert mandate.territorial == (territory is not None), "a territory where the table asks for it"
    roles = mandate.roles if territory is None else mandate.roles & territory
    role = _signing(state, transaction, roles)
    issued_ms = getattr(transaction.body, "issued_ms", None)
    if issued_ms is not None:
        _check_new(state, role, _kind(transaction), issued_ms)
    return role


def role_of(
    parameters: ChainParameters, signers: Iterable[bytes], roles: frozenset[Role]
) -> Role | None:
    """The first of some authorities that one of these keys speaks for."""
    keys = frozenset(signers)
    for role in sorted(roles):
        if not keys.isdisjoint(parameters.keys_of(frozenset({role}))):
            return role
    return None


def check_signed(bench: Bench, transaction: CheckedTransaction) -> None:
    """Refuse what only authorities send and none has signed. The rule may ask for more."""
    _signing(bench, transaction, MANDATES[type(transaction.body)].roles)


def enter(state: BlockState, transaction: CheckedTransaction, role: Role) -> None:
    """Remember an act that `authorised` has passed, so that it is not taken again."""
    act = LastAct(role, _kind(transaction), transaction.body.issued_ms)  # type: ignore[union-attr]
    state.coins.make(acts_coin_id(state.context.chain_id), _acts(state).with_act(act))


def _signing(bench: Bench, transaction: CheckedTransaction, roles: frozenset[Role]) -> Role:
    barred = bench.coins.get(barred_coin_id(bench.context.chain_id))
    lost = {each.public_key for each in barred.keys} if isinstance(barred, BarredKeys) else set()
    signers = set(transaction.signers) - lost
    role = role_of(bench.context.parameters, signers, roles)
    if role is not None:
        return role
    raise _unauthorised(transaction, roles)


def _unauthorised(transaction: CheckedTransaction, roles: frozenset[Role]) -> Refused:
    names = " or ".join(sorted(each.name for each in roles))
    kind = KIND_NAMES[type(transaction.body)]
    return Refused(Reason.NOT_AUTHORISED, f"{kind} is for {names or 'nobody'} to sign here")


def _check_new(state: BlockState, role: Role, kind: int, issued_ms: int) -> None:
    last_ms = _acts(state).issued_ms(role, kind)
    if issued_ms <= last_ms:
        raise Refused(Reason.STALE_ACT, f"issued_ms {issued_ms}, the last one's is {last_ms}")
    latest_ms = state.context.time_ms + state.context.parameters.compliance.max_ahead_ms
    if issued_ms > latest_ms:
        raise Refused(Reason.ACT_IN_FUTURE, f"issued_ms {issued_ms}, at most {latest_ms}")


def _acts(state: BlockState) -> Acts:
    coin = state.coins.get(acts_coin_id(state.context.chain_id))
    return coin if isinstance(coin, Acts) else Acts()


def _kind(transaction: CheckedTransaction) -> int:
    tag = type(transaction.body).__struct_config__.tag
    assert isinstance(tag, int), "every kind of body has a number"
    return tag
