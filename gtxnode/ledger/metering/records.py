"""Foreign meters' records in transactions: held against their key, off the voting path.

A record names its meter by a serial and is signed on a curve of its maker's choice, so that it is
checked with `cryptography`, one by one, wherever signatures are checked: in worker threads, once on
each node, before a block can hold it. Execution only compares the key with the registered one.
"""

from gtxnode.ledger.bodies import SubmitRecord
from gtxnode.metering.claims import Claims
from gtxnode.metering.curves import Curve, parse_key
from gtxnode.metering.faults import BadRecord
from gtxnode.metering.foreign import parse
from gtxnode.metering.records import verify
from gtxnode.primitives.errors import Reason, Refused


def claims_of(body: SubmitRecord) -> Claims:
    """What the record says, complete, signed by the key that the transaction names.

    Raises `Refused`: `BAD_RECORD`, `OTHER_METERS_RECORD`, `INCOMPLETE_RECORD`.
    """
    key = body.key
    try:
        record = verify(parse(body.record), parse_key(key.point, Curve[key.curve.name]))
    except BadRecord as bad:
        raise Refused(Reason.BAD_RECORD, str(bad)) from bad
    claims = record.claims
    if (claims.serial, claims.context) != (key.serial, key.context):
        raise Refused(
            Reason.OTHER_METERS_RECORD,
            f"serial {claims.serial!r}, context {claims.context!r}; "
            f"the key is for {key.serial!r}, {key.context!r}",
        )
    if claims.lacks:
        raise Refused(Reason.INCOMPLETE_RECORD, "lacks " + ", ".join(claims.lacks))
    return claims
