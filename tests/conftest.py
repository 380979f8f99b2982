"""How tests are run. Networks of real processes come first, one after the other in one worker.

They wait for blocks most of the time. The other worker takes the rest meanwhile, so that the whole
suite lasts little longer than those do.
"""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is. What failed is printed so that it can be
# tried again; in CI the examples are the same in every run, elsewhere always others.
settings.register_profile("ours", deadline=None, print_blob=True, derandomize="CI" in os.environ)
settings.load_profile("ours")

E2E = Path(__file__).parent / "e2e"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def is_e2e(item: pytest.Item) -> bool:
        return E2E in item.path.parents

    for item in filter(is_e2e, items):
        item.add_marker(pytest.mark.xdist_group("e2e"))
    items.sort(key=lambda item: not is_e2e(item))
