"""Records that real meters and test benches signed: each gets its verdict.

The file is `GTX_OCMF_RECORDS`, or the shared one beside the project.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gtxnode.metering.faults import Verdict
from gtxnode.metering.foreign import judge
from gtxnode.metering.ocmf import CURVES
from gtxnode.metering.records import RecordForm

_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "ocmf" / "records.jsonl"
FILE = Path(os.environ.get("GTX_OCMF_RECORDS", _BESIDE))
RECORDS: list[dict[str, Any]] = (
    [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines() if line]
    if FILE.is_file()
    else []
)
VALID = [record for record in RECORDS if record["verdict"] == Verdict.VALID]


def test_records_are_here() -> None:
    """Shows in the report where nothing was replayed."""
    if not FILE.is_file():
        pytest.skip(f"no records: {FILE} is not here; set GTX_OCMF_RECORDS to replay some")
    assert RECORDS, f"no record in {FILE}"


@pytest.mark.parametrize("given", RECORDS, ids=lambda given: given["source"])
def test_verdict(given: dict[str, Any]) -> None:
    record = given["record"].encode()
    judgement = judge(record, given["public_key"])
    assert judgement.verdict == given["verdict"], f"{judgement.code}: {judgement.detail}"
    if judgement.record is not None:
        assert judgement.record.form is RecordForm.OCMF
        assert judgement.record.original == record
        assert judgement.record.key.curve is CURVES[given["curve"].lower()]
    else:
        assert judgement.code


@pytest.mark.parametrize("given", VALID, ids=lambda given: given["source"])
def test_no_changed_payload_verifies(given: dict[str, Any]) -> None:
    """One bit of every payload byte, and a blank more at either end."""
    record = given["record"].encode()
    start, end = record.index(b"|") + 1, record.rindex(b"|")
    changed = [
        record[:at] + bytes([record[at] ^ (1 << at % 8)]) + record[at + 1 :]
        for at in range(start, end, 7)
    ]
    changed += [record[:start] + b" " + record[start:], record[:end] + b" " + record[end:]]
    assert all(judge(one, given["public_key"]).record is None for one in changed)


@pytest.mark.parametrize("given", VALID, ids=lambda given: given["source"])
def test_no_record_verifies_with_another_meters_key(given: dict[str, Any]) -> None:
    others = {one["public_key"] for one in RECORDS} - {given["public_key"]}
    record = given["record"].encode()
    assert all(judge(record, key).verdict is Verdict.INVALID for key in others)
