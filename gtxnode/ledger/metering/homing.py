"""A meter's key gets its home, and is held against it where the meter is registered."""

from gtxnode.ledger.authority.mandates import authorised
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import HomeMeter
from gtxnode.ledger.metering.meter_home_coins import MeterHome, meter_home_coin_id
from gtxnode.ledger.registry.staking import require_registry
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.metering.meters import RecordKey
from gtxnode.primitives.errors import Reason, Refused


def home_meter(state: BlockState, transaction: CheckedTransaction) -> None:
    """Give a key its home, once and for good."""
    body = transaction.body
    assert isinstance(body, HomeMeter)
    require_registry(state)
    authorised(state, transaction)
    coin_id = meter_home_coin_id(state.context.chain_id, body.public_key)
    home = state.coins.get(coin_id)
    if home is not None:
        assert isinstance(home, MeterHome), "homes' ids are their own domain"
        raise Refused(Reason.HOME_TAKEN, f"on {home.shard.value}, of meter {home.meter.hex()}")
    state.coins.make(coin_id, MeterHome(body.meter, body.shard, state.context.height))


def check_home(state: BlockState, meter: bytes, key: bytes | RecordKey) -> None:
    """Refuse a key whose home is not here, or is another meter's; changes nothing."""
    homes = state.context.homes
    if homes is None:
        return
    found = homes.meter_of(key)
    if found is None:
        raise Refused(Reason.NO_HOME, f"public_key of meter {meter.hex()}")
    if found != meter:
        raise Refused(Reason.KEY_IN_USE, f"by meter {found.hex()}")
