"""A network that cannot be started as it was asked for says so before anything starts."""

from pathlib import Path
from typing import Any

import pytest

from gtxnode.devnet import DevnetError, run


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ({"validators": 0}, "validators: 0 is not within 1 to 100"),
        ({"validators": 101}, "validators: 101"),
        ({"duration_s": 0.0}, "duration"),
        ({"speed": 0}, "speed"),
        ({"port_base": 80}, "port base"),
        ({"port_base": 65_530}, "port base"),
        ({"shards": ()}, "shards: there must be one"),
        ({"shards": ("geo_bangkok", "geo_bangkok")}, "stands twice"),
        ({"shards": ("geo_atlantis",)}, "geo_atlantis is none of geo_bangkok"),
    ],
)
def test_mistakes_are_named(asked: dict[str, Any], fault: str, tmp_path: Path) -> None:
    with pytest.raises(DevnetError, match=fault):
        run(**asked, home=tmp_path / "home")


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    with pytest.raises(DevnetError, match="is not empty"):
        run(home=tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DevnetError, match="Not a directory"):
        run(home=tmp_path / "file" / "home")
