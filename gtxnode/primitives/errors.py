"""Why something is refused: one catalogue of stable codes, from which the docs are generated.

A code never changes its meaning and is never used again for another. Where a rule refuses, it
raises `Refused` with its reason and a detail that names the field and the limit.
"""

from enum import StrEnum


class Reason(StrEnum):
    """A stable code, with the sentence that explains it."""

    description: str

    # The default is for looking a reason up by its code: `Reason("overspent")`.
    def __new__(cls, code: str, description: str = "") -> "Reason":
        member = str.__new__(cls, code)
        member._value_ = code
        member.description = description
        return member

    # Form, checked without the state.
    MALFORMED_TRANSACTION = (
        "malformed_transaction",
        "The bytes are not the canonical encoding of a transaction within its limits.",
    )
    MALFORMED_BATCH = (
        "malformed_batch",
        "The bytes are not the canonical encoding of a batch within its limits.",
    )
    DUPLICATE_INPUT = ("duplicate_input", "The transaction names one coin twice.")
    WITNESSES_UNSORTED = (
        "witnesses_unsorted",
        "Witnesses must be sorted by public key, each key once.",
    )
    BAD_SIGNATURE = (
        "bad_signature",
        "A signature does not verify, or its S is not the lower of the two.",
    )
    # Admission.
    WRONG_TARGET = ("wrong_target", "The batch names another target of work than the chain's.")
    NO_WORK = ("no_work", "The batch's nonce does not meet the target of work.")
    WRONG_BATCH_KIND = (
        "wrong_batch_kind",
        "Readings, orders and cancels travel in energy batches, the rest in ordinary ones.",
    )
    WRONG_PARENT = ("wrong_parent", "The batch names another block than the chain's at its height.")
    POOL_FULL = ("pool_full", "The node holds as many pending transactions as it can. Try later.")
    # Coins.
    UNKNOWN_COIN = ("unknown_coin", "An input is spent already, or never was.")
    WRONG_COIN_KIND = ("wrong_coin_kind", "This kind of coin is not spent by this transaction.")
    NOT_OWNER = ("not_owner", "No witness is the owner of an input, or of what is changed.")
    OVERSPENT = ("overspent", "The outputs, with what is locked, exceed the inputs.")
    UNBALANCED_ENERGY = (
        "unbalanced_energy",
        "Energy in must equal energy out, origin by origin.",
    )
    FEE_TOO_LOW = ("fee_too_low", "Inputs less outputs are below the smallest fee.")
    NOTHING_RETIRED = ("nothing_retired", "The outputs return all the energy that came in.")
    UNBALANCED_CREDITS = ("unbalanced_credits", "Carbon credits in must equal credits out.")
    NOT_CONSUMER = (
        "not_consumer",
        "The meter whose import is covered is not the consumer's, or the consumer did not sign.",
    )
    IMPORT_EXCEEDED = (
        "import_exceeded",
        "The meter did not take in as much, uncovered, in the month in which the energy was made.",
    )
    ALREADY_EXECUTED = ("already_executed", "The same transaction stands earlier in this block.")
    # Authority.
    NOT_AUTHORISED = ("not_authorised", "No witness is an authority that may sign this.")
    STALE_ACT = (
        "stale_act",
        "The authority has signed a later act of this kind, or this very one was taken before.",
    )
    UNKNOWN_AUTHORITY = ("unknown_authority", "The chain has no authority of that role.")
    NOT_ENOUGH_AUTHORITIES = (
        "not_enough_authorities",
        "Fewer authorities have signed than a checkpoint takes.",
    )
    ROTATION_PENDING = (
        "rotation_pending",
        "The authority has new keys from the next epoch on already.",
    )
    TOO_MANY_ROTATIONS = (
        "too_many_rotations",
        "The authorities' keys have changed as often as they can.",
    )
    KEYS_UNSORTED = ("keys_unsorted", "Keys are to be named in order, each once.")
    KEY_NOT_FREE = ("key_not_free", "The key is another authority's, or was barred.")
    ACT_IN_FUTURE = ("act_in_future", "The act is dated too far ahead of the block's time.")
    HALT_OUT_OF_BOUNDS = (
        "halt_out_of_bounds",
        "The halt ends in the past or too far ahead, or names no product that there is.",
    )
    TOO_MANY_HALTS = ("too_many_halts", "As many halts stand as can.")
    UNKNOWN_HALT = ("unknown_halt", "No halt of that scope stands.")
    WRONG_ZONE = ("wrong_zone", "This chain does not serve that zone.")
    # Tariffs.
    TARIFF_IN_PAST = (
        "tariff_in_past",
        "A tariff's table begins in the past, or changes days that have begun.",
    )
    # Meters.
    METER_EXISTS = ("meter_exists", "A meter of that id is registered already.")
    UNREGISTERED_METER = ("unregistered_meter", "No meter of that id is registered here.")
    METER_RETIRED = ("meter_retired", "The meter is out of service for good.")
    WRONG_REVISION = (
        "wrong_revision",
        "The change does not follow the last that was made of the meter, or of the order.",
    )
    KEY_IN_USE = ("key_in_use", "Another meter's readings are signed with that key already.")
    SAME_OWNER = ("same_owner", "The meter is that owner's already.")
    OWNER_CHANGING = (
        "owner_changing",
        "Readings from before the meter's last change of owner are still to come.",
    )
    NO_HOME = (
        "no_home",
        "The registry, as this chain has heard it, does not have the meter's key at home here.",
    )
    HOME_TAKEN = ("home_taken", "The key has a home, on this or another chain, and keeps it.")
    UNPROVED_KEY = ("unproved_key", "The new key has not signed: nobody has shown to hold it.")
    WRONG_METER_KEY = ("wrong_meter_key", "The reading is not signed with the meter's key.")
    BAD_RECORD = (
        "bad_record",
        "The meter's record cannot be read, or is not signed with the key that is named.",
    )
    INCOMPLETE_RECORD = (
        "incomplete_record",
        "The record is the meter's, and does not say enough to be a reading.",
    )
    OTHER_METERS_RECORD = (
        "other_meters_record",
        "The record names another meter, or another of its counts, than the key is for.",
    )
    REPLAYED_READING = ("replayed_reading", "A reading with this counter was accepted before.")
    OUT_OF_ORDER_READING = (
        "out_of_order_reading",
        "The counter is below that of a reading accepted before.",
    )
    UNDECLARED_GAP = (
        "undeclared_gap",
        "The reading follows one that was not accepted, or leaves out time, without saying so.",
    )
    OVERLAPPING_INTERVAL = (
        "overlapping_interval",
        "The interval begins before the end of the last one accepted.",
    )
    EMPTY_INTERVAL = ("empty_interval", "The interval ends at its beginning or before it.")
    REGISTER_DECREASED = ("register_decreased", "A cumulative register went down.")
    OVER_CAPACITY = (
        "over_capacity",
        "More energy than the meter's capacity allows in the interval.",
    )
    READING_IN_FUTURE = ("reading_in_future", "The interval ends after the block's time.")
    READING_TOO_OLD = ("reading_too_old", "The interval ended too long before the block's time.")
    EXPORT_NOT_ALLOWED = ("export_not_allowed", "A consumption-only meter reports an export.")
    # Orders.
    ORDER_TOO_SMALL = ("order_too_small", "The order is below the smallest size.")
    ORDER_TOO_LARGE = ("order_too_large", "The order is above the largest size.")
    PRICE_OUT_OF_BOUNDS = ("price_out_of_bounds", "The price is outside the market's bounds.")
    TOO_MANY_ORDERS = ("too_many_orders", "The trader has as many open orders as are allowed.")
    BLOCK_VOLUME_EXCEEDED = (
        "block_volume_exceeded",
        "The energy traded in this block could pass its limit. Try in a later block.",
    )
    EXPIRY_OUT_OF_BOUNDS = (
        "expiry_out_of_bounds",
        "The order's expiry is in the past or too far ahead.",
    )
    INVALID_TERMS = (
        "invalid_terms",
        "The order's terms contradict each other, or could never be met.",
    )
    MIXED_OFFER = (
        "mixed_offer",
        "A sell order offers energy of one zone and one source; place one order for each.",
    )
    TOO_MANY_LOTS = ("too_many_lots", "The order would hold energy of too many origins.")
    TOO_MANY_CONDITIONAL = (
        "too_many_conditional",
        "As many all-or-none orders, or orders with preferences, rest on this side as may.",
    )
    UNFILLED = (
        "unfilled",
        "What is in the book does not fill the order as it asks, and it is not to rest.",
    )
    NO_LICENCE = ("no_licence", "An order of this size needs a licence of the regulator.")
    UNKNOWN_LICENCE = ("unknown_licence", "The trader has no licence.")
    HALTED = ("halted", "An authority has halted this trading.")
    USAGE_LIMIT = (
        "usage_limit",
        "The trader may not buy as much within that time of day.",
    )
    UNKNOWN_ORDER = ("unknown_order", "No order of that id is open: filled, cancelled or expired.")
    # Forwards.
    UNKNOWN_SLOT = (
        "unknown_slot",
        "No slot of that length begins then, none is traded here, or it is too far ahead.",
    )
    GATE_CLOSED = ("gate_closed", "Trading of the slot has ended.")
    NOT_IN_AUCTION = (
        "not_in_auction",
        "The slot is auctioned when its gate closes, and an auction takes plain orders alone.",
    )
    SLOT_FULL = (
        "slot_full",
        "The slot has as many open orders as are allowed, and none of them is worse.",
    )
    UNKNOWN_CONTRACT = ("unknown_contract", "No contract of that id is open.")
    WRONG_HOLDER = ("wrong_holder", "A contract goes to neither its buyer nor its seller.")
    OWN_ORDERS_CROSS = (
        "own_orders_cross",
        "The slot's auction could make the trader trade with itself.",
    )
    # The grid.
    NO_GRID = ("no_grid", "This chain has no grid model.")
    UNKNOWN_CORRIDOR = ("unknown_corridor", "The grid model has no corridor of these two zones.")
    BAD_RANGE = (
        "bad_range",
        "A range begins and ends with slots of the grid, in the future; zones are sorted.",
    )
    TOO_MANY_LIMITS = (
        "too_many_limits",
        "As many limits are known as can be. Some must end first.",
    )
    GRID_UNSTABLE = (
        "grid_unstable",
        "The grid of the order's zone is in a condition in which nothing is traded there.",
    )
    NO_DELIVERY_ZONE = (
        "no_delivery_zone",
        "A buy order on a chain of several zones names the zone in which it is delivered.",
    )
    # Validators.
    NOT_REGISTRY = (
        "not_registry",
        "Stakes, evidence and meters' homes belong on the registry, the chain func_governance.",
    )
    VALIDATOR_EXISTS = ("validator_exists", "A validator with that key is registered already.")
    UNKNOWN_VALIDATOR = ("unknown_validator", "No validator with that key is registered.")
    BAD_POSSESSION_PROOF = (
        "bad_possession_proof",
        "The validator's key has not signed that it belongs to this owner.",
    )
    SHARDS_UNSORTED = (
        "shards_unsorted",
        "Shards are named in the order of their names, each once.",
    )
    TOO_MANY_VALIDATORS = ("too_many_validators", "As many validators are registered as can be.")
    STAKE_TOO_SMALL = ("stake_too_small", "The stake would be below the smallest that may vote.")
    STAKE_TOO_LARGE = ("stake_too_large", "The stake would be above the largest that may vote.")
    NOT_STAKED = ("not_staked", "More is to be unstaked than is staked.")
    LAST_VALIDATOR = (
        "last_validator",
        "Nobody else could vote: the last validator cannot leave.",
    )
    TOO_MANY_UNBONDINGS = (
        "too_many_unbondings",
        "The validator has as many amounts unbonding as are allowed. Wait for one to be paid out.",
    )
    NOT_JAILED = ("not_jailed", "The validator is not jailed.")
    STILL_JAILED = ("still_jailed", "The validator's jail term is not over.")
    # Governance.
    TOO_MANY_PROPOSALS = (
        "too_many_proposals",
        "As many proposals are open as are allowed. Wait for one to end.",
    )
    UNKNOWN_PARAMETER = ("unknown_parameter", "No parameter has that name.")
    FIXED_PARAMETER = ("fixed_parameter", "No vote changes that parameter.")
    INVALID_CHANGE = (
        "invalid_change",
        "With that change the parameters would not be valid, or would stay as they are.",
    )
    ACTIVATION_OUT_OF_BOUNDS = (
        "activation_out_of_bounds",
        "The epoch in which a change is to hold is before the delays are over, or too far ahead.",
    )
    UNKNOWN_PROPOSAL = ("unknown_proposal", "No proposal has that number.")
    VOTING_CLOSED = ("voting_closed", "The proposal is not voted on yet, or no longer.")
    NOT_AN_ELECTOR = (
        "not_an_elector",
        "That validator had no stake to vote with where voting on the proposal began.",
    )
    INVALID_EVIDENCE = (
        "invalid_evidence",
        "The two messages prove no offence of a validator or an authority.",
    )
    EVIDENCE_OUT_OF_WINDOW = (
        "evidence_out_of_window",
        "The offence is too old to be punished, or of a height that has not come.",
    )
    ALREADY_PUNISHED = (
        "already_punished",
        "The validator was punished for an offence of that epoch already.",
    )
    INVALID_ROLL_CALL = (
        "invalid_roll_call",
        "The roll call shows no final block of another chain, at a height that is called.",
    )
    ROLL_CALL_OUT_OF_WINDOW = (
        "roll_call_out_of_window",
        "The height is too old to be called, is settled, or cannot be called yet.",
    )
    ROLL_CALL_ADDS_NOBODY = (
        "roll_call_adds_nobody",
        "All whose precommits the roll call carries are known to have been there.",
    )
    # Seeds.
    WRONG_EPOCH = ("wrong_epoch", "The transaction is for another epoch than the block's.")
    ALREADY_COMMITTED = (
        "already_committed",
        "The validator or authority has committed to something in this epoch already.",
    )
    NOTHING_COMMITTED = (
        "nothing_committed",
        "The authority made no commitment two epochs before, so it has nothing to reveal.",
    )
    ALREADY_REVEALED = ("already_revealed", "The authority has revealed its value already.")
    WRONG_REVEAL = ("wrong_reveal", "The value is not the one that was committed to.")
    REVEAL_TOO_LATE = (
        "reveal_too_late",
        "Authorities reveal in the first half of an epoch, and it is over.",
    )


class Refused(Exception):
    """Something that the rules do not allow: the reason, and a detail for people."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail or reason.description}")
        self.reason = reason
        self.detail = detail
