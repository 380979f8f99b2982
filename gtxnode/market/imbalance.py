"""The imbalance price: what a seller answers for, for each kWh that it sold and did not deliver.

It is the price at which the buyer gets that energy elsewhere, which is its utility's; but at least
a premium over what the contract says, or whoever sold dear would lose nothing by not delivering.
The buyer keeps what it would have paid and gets the difference out of the seller's collateral, so
it is made whole: it has the imbalance price in hand for every kWh that is missing.

Both figures are known when the contract is made, and the difference between the two is greatest at
one end of the prices that a contract can have: so a seller locks it up beforehand, and a shortfall
is always covered. A price that is known only afterwards, such as the grid operator's own, would
need a margin that no one can state.
"""

from typing import Annotated

import msgspec

PPM = 1_000_000


class ImbalanceRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a shortfall costs; a chain parameter."""

    utility_mgtx_per_kwh: Annotated[int, msgspec.Meta(ge=0, le=10**6)] = 6_380
    """What a household pays its utility on peak: (5.7982 + 0.1623) THB with 7 % VAT, at 1 GTX."""
    premium_ppm: Annotated[int, msgspec.Meta(ge=0, le=PPM)] = 100_000
    """Over the contract's price, at least."""

    def price(self, contract_mgtx_per_kwh: int) -> int:
        """The imbalance price of a contract, in mGTX/kWh; a premium is rounded up.

        >>> rule = ImbalanceRule()
        >>> rule.price(3_500), rule.price(5_999)
        (6380, 6599)
        """
        premium = -(-contract_mgtx_per_kwh * self.premium_ppm // PPM)
        return max(self.utility_mgtx_per_kwh, contract_mgtx_per_kwh + premium)

    def collateral(self, least_mgtx_per_kwh: int, most_mgtx_per_kwh: int) -> int:
        """What covers a shortfall of a contract at any price from `least` to `most`, in mGTX/kWh.

        The difference falls while the utility's price rules, and then rises with the premium.

        >>> ImbalanceRule().collateral(3_500, 10_000)
        2880
        >>> ImbalanceRule().collateral(6_000, 10_000)
        1000
        """
        ends = (least_mgtx_per_kwh, most_mgtx_per_kwh)
        return max(self.price(end) - end for end in ends)
