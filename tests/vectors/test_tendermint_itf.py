"""Traces of public Tendermint models, replayed through our tally, round and driver.

The folder is `GTX_ITF_DIR`, or the shared one beside the project. A trace that cannot be
mapped is a failure.
"""

import os
from pathlib import Path

import pytest

from tests.vectors.itf import read_states
from tests.vectors.replay_driver import replay_driver
from tests.vectors.replay_layers import replay_round, replay_tally

_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "tendermint-itf"
FOLDER = Path(os.environ.get("GTX_ITF_DIR", _BESIDE))
TRACES = sorted(path for path in FOLDER.rglob("*.itf.json*") if path.is_file())


def test_traces_are_here() -> None:
    """Shows in the report where nothing was replayed."""
    if not FOLDER.is_dir():
        pytest.skip(f"no traces: {FOLDER} is not here; set GTX_ITF_DIR to replay some")
    assert TRACES, f"no trace in {FOLDER}"


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.name.split(".")[0])
def test_trace(path: Path) -> None:
    """Input by input, our output and state against the trace's."""
    assert replay(path) > 0, "nothing was compared"


def replay(path: Path) -> int:
    """How many inputs were compared."""
    states = read_states(path)
    names = {name.split("::")[-1] for name in states[0]}
    if {"state", "input", "output"} <= names:
        return replay_round(states)
    if {"bookkeeper", "lastEmitted"} <= names:
        return replay_tally(states)
    if {"system", "_hist"} <= names:
        return replay_driver(states)
    pytest.fail(f"a trace of an unknown model, with {sorted(names)}")
