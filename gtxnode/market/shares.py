"""A whole shared out in integers, in proportion, with nothing lost: the largest remainder method.

Source: Hamilton's method of apportionment (A. Hamilton, 1792). Each part gets its proportion
rounded down, and the units that are left go one each to the largest remainders, the first of equal
ones first. A part never gets more than its proportion rounded up.
"""

from collections.abc import Sequence


def pro_rata(total: int, weights: Sequence[int]) -> list[int]:
    """`total` shared out by weight; the shares add up to it exactly.

    No weight is below zero, and one is above it unless `total` is zero. Where `total` is not above
    the sum of the weights, no share is above its weight.

    >>> pro_rata(10, [1, 1, 1])
    [4, 3, 3]
    >>> pro_rata(100, [50, 150, 0])
    [25, 75, 0]
    """
    if not total:
        return [0] * len(weights)
    whole = sum(weights)
    shares = []
    remainders = []
    for place, weight in enumerate(weights):
        share, remainder = divmod(weight * total, whole)
        shares.append(share)
        remainders.append((-remainder, place))
    left = total - sum(shares)
    if left:
        for _, place in sorted(remainders)[:left]:
            shares[place] += 1
    return shares
