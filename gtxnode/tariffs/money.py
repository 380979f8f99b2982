"""Baht in integers, and the one way in which amounts of it are rounded.

A Wh at one µTHB per kWh is a billionth of a baht (nTHB), so charges add up exactly until they are
shown. A line of a bill is then rounded to the satang, half up, and a total is the sum of its lines
as they are shown: it always adds up on paper.
"""

NTHB_PER_UTHB = 1_000
UTHB_PER_SATANG = 10_000
NTHB_PER_SATANG = UTHB_PER_SATANG * NTHB_PER_UTHB


def rounded(numerator: int, denominator: int) -> int:
    """The nearest whole number to a fraction, halves up (towards plus infinity)."""
    return (2 * numerator + denominator) // (2 * denominator)


def satang(nthb: int) -> int:
    """An amount in nTHB as it stands on a bill."""
    return rounded(nthb, NTHB_PER_SATANG)


def gtx_in_nthb(ugtx: int, uthb_per_gtx: int) -> int:
    """An amount of GTX at an exchange rate, in nTHB, rounded half up."""
    return rounded(ugtx * uthb_per_gtx, 1_000)
