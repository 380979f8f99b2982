"""Published vectors of aserti3-2d, replayed through `consensus.asert`.

Two sources. The known answers of the Bitcoin Cash node's own test, which stand below. And the
twelve `run*` files of the specification, or others of their form, from the folder
`GTX_ASERT_DIR` or the shared one beside the project; a line that cannot be read is a failure.
Their targets are in the compact form that Bitcoin's headers have, which only this test knows.
"""

import os
import re
from pathlib import Path

import pytest

from consensus.asert import asert_target

_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "asert"
FOLDER = Path(os.environ.get("GTX_ASERT_DIR", _BESIDE))
RUNS = sorted(
    path for path in FOLDER.rglob("*") if path.is_file() and path.suffix not in (".md", ".py")
)

SPACING = 600
HALFLIFE = 2 * 24 * 60 * 60
LIMIT = 2**224 - 1
"""Of the node's test. The runs are clamped to its compact form."""
LIMIT_BITS = 0x1D00FFFF
PER_HALFLIFE = HALFLIFE // SPACING

_HEADER = re.compile(r"##\s*([a-zA-Z ]+?)\s*:\s*(.*)")


def expand(bits: int) -> int:
    """A target from its compact form."""
    size, mantissa = bits >> 24, bits & 0x7FFFFF
    return mantissa << 8 * (size - 3) if size > 3 else mantissa >> 8 * (3 - size)


def compact(target: int) -> int:
    """A target's compact form: a length in bytes and the three leading bytes, cut."""
    size = (target.bit_length() + 7) // 8
    mantissa = target >> 8 * (size - 3) if size > 3 else target << 8 * (3 - size)
    if mantissa & 0x800000:  # It would read as a sign.
        size, mantissa = size + 1, mantissa >> 8
    return size << 24 | mantissa


# Anchor's target, time, height, wanted target, its compact form. Times count from the anchor.
KNOWN = [
    (LIMIT, 0, PER_HALFLIFE, LIMIT >> 1, 0x1C7FFFFF),
    (LIMIT, 0, 2 * PER_HALFLIFE, LIMIT >> 2, 0x1C3FFFFF),
    (LIMIT >> 1, 0, PER_HALFLIFE, LIMIT >> 2, 0x1C3FFFFF),
    (LIMIT >> 2, 0, PER_HALFLIFE, LIMIT >> 3, 0x1C1FFFFF),
    (LIMIT >> 3, 0, PER_HALFLIFE, LIMIT >> 4, 0x1C0FFFFF),
    (LIMIT, 0, 222 * PER_HALFLIFE, 3, 0x01030000),
    (LIMIT, 0, 222 * PER_HALFLIFE + 119, 3, 0x01030000),
    (LIMIT, 0, 222 * PER_HALFLIFE + 120, 2, 0x01020000),
    (LIMIT, 0, 223 * PER_HALFLIFE - 1, 2, 0x01020000),
    (LIMIT, 0, 223 * PER_HALFLIFE, 1, 0x01010000),
    (LIMIT, 0, 224 * PER_HALFLIFE, 1, 0x01010000),
    (1, 0, 224 * PER_HALFLIFE, 1, 0x01010000),
    (LIMIT, 960 * 144, 0, LIMIT, LIMIT_BITS),
    (1, 224 * HALFLIFE, 0, LIMIT, LIMIT_BITS),
    (LIMIT, 300, 1, (0xFFB1 << 208) | (2**208 - 1), 0x1D00FFB1),
    ((1 << 223) | (2**116 - 1), 33 * HALFLIFE, 0, LIMIT, LIMIT_BITS),
    (1, 256 * HALFLIFE, 0, LIMIT, LIMIT_BITS),
    (1, 224 * HALFLIFE - 1, 0, 0xFFFF8 << 204, LIMIT_BITS),
]


@pytest.mark.parametrize(("anchor", "time", "height", "target", "bits"), KNOWN)
def test_known_answer(anchor: int, time: int, height: int, target: int, bits: int) -> None:
    """To the bit, at the edges where shifts, clamps and roundings meet."""
    found = asert_target(anchor, SPACING + time, height, SPACING, HALFLIFE, LIMIT)
    assert found == target
    assert compact(found) == bits


def test_compact_form() -> None:
    """What the runs are read with: each way, with its sign bit."""
    for bits in (0x01010000, 0x02008000, 0x1D00FFFF, 0x1C7FFFFF, 0x1B0404CB):
        assert compact(expand(bits)) == bits
    assert compact(0x80) == 0x02008000
    assert compact(LIMIT) == LIMIT_BITS


def test_runs_are_here() -> None:
    """Shows in the report where none was replayed."""
    if not FOLDER.is_dir():
        pytest.skip(f"no runs: {FOLDER} is not here; set GTX_ASERT_DIR to replay some")
    assert RUNS, f"no run in {FOLDER}"


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.name)
def test_run(path: Path) -> None:
    """Every line of a run."""
    assert replay(path.read_text(encoding="ascii")) > 0, "nothing was compared"


def replay(text: str) -> int:
    """Compare each line's target with ours; how many lines there were."""
    said: dict[str, str] = {}
    compared = 0
    for line in text.splitlines():
        header = _HEADER.fullmatch(line.strip())
        if header:
            said[header[1].lower()] = header[2]
        elif line.strip() and not line.startswith("#"):
            _, height, time, bits = (int(field, 0) for field in line.split())
            assert _target(said, height, time) == bits, line
            compared += 1
    if "iterations" in said:
        assert compared == int(said["iterations"])
    return compared


def _target(said: dict[str, str], height: int, time: int) -> int:
    parent_time = next(
        int(said[name]) for name in ("anchor ancestor time", "anchor parent time") if name in said
    )
    return compact(
        asert_target(
            expand(int(said["anchor nbits"], 0)),
            time - parent_time,
            height - int(said["anchor height"]),
            SPACING,
            HALFLIFE,
            expand(LIMIT_BITS),
        )
    )


STEADY = """\
## description: steady blocks at the limit
##   anchor height: 1
##   anchor ancestor time: 0
##   anchor nBits: 0x1d00ffff
##   start height: 2
##   start time: 1200
##   iterations: 3
# iteration,height,time,target
1 2 1200 0x1d00ffff
2 3 1800 0x1d00ffff
3 290 1800 0x1c7fff80
"""


def test_the_reader_of_runs_can_fail() -> None:
    """On a run made by hand, and on that run with a target, a count and a line that are wrong."""
    with pytest.raises(AssertionError):
        replay(STEADY)
    good = STEADY.replace("290 1800 0x1c7fff80", "290 1200 0x1c7fff80")
    assert replay(good) == 3
    for wrong in (
        good.replace("2 3 1800 0x1d00ffff", "2 3 1800 0x1d00fffe"),
        good.replace("iterations: 3", "iterations: 4"),
    ):
        with pytest.raises(AssertionError):
            replay(wrong)
    with pytest.raises(ValueError, match="values to unpack"):
        replay(good + "4 5\n")
