"""The fields that several kinds of bodies share, and their limits."""

from typing import Annotated, TypeAlias

import msgspec

from gtxnode.ledger.coins import Cash, CoinId, Credit, Energy

MAX_INPUTS = 256
MAX_OUTPUTS = 256
MAX_MEMO_BYTES = 64

Inputs = Annotated[tuple[CoinId, ...], msgspec.Meta(min_length=1, max_length=MAX_INPUTS)]
Output: TypeAlias = Cash | Energy | Credit
Change = Annotated[tuple[Cash, ...], msgspec.Meta(max_length=MAX_OUTPUTS)]
Memo = Annotated[bytes, msgspec.Meta(max_length=MAX_MEMO_BYTES)]
OrderId = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
