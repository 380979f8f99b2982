"""What is shipped, and how it is put together, as far as the texts show it.

No container engine is at hand where these tests run, so the Dockerfile is read: its stages, its
user, what starts and stops it, and that it installs the way the README says.
"""

import configparser
import re
import shlex
import stat
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES_AND_NODE = ("consensus", "storage", "p2p", "gtxnode")
INSTALL = "pip install ."


def instructions(text: str) -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order, continued lines joined, comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    pairs = (line.split(maxsplit=1) for line in joined.splitlines() if line.strip())
    return [(pair[0].upper(), pair[1] if len(pair) > 1 else "") for pair in pairs]


@pytest.fixture(scope="module")
def stages() -> list[list[tuple[str, str]]]:
    """One list of instructions for each stage, its FROM first."""
    found: list[list[tuple[str, str]]] = []
    for name, rest in instructions((ROOT / "Dockerfile").read_text(encoding="utf-8")):
        if name == "FROM":
            found.append([])
        found[-1].append((name, rest))
    return found


@pytest.fixture(scope="module")
def final(stages: list[list[tuple[str, str]]]) -> dict[str, str]:
    """The last stage's instructions by name; where one comes twice, both joined."""
    merged: dict[str, str] = {}
    for name, rest in stages[-1]:
        merged[name] = f"{merged[name]}\n{rest}" if name in merged else rest
    return merged


@pytest.fixture(scope="module")
def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def test_the_compiler_stays_behind_in_the_first_stage(
    stages: list[list[tuple[str, str]]], final: dict[str, str]
) -> None:
    assert len(stages) == 2
    build = "\n".join(rest for _, rest in stages[0])
    assert "gcc" in build
    assert "gcc" not in final["RUN"]
    assert all("slim" in stage[0][1] for stage in stages)
    assert re.search(r"--from=build /opt/gtxnode /opt/gtxnode", final["COPY"])


def test_both_stages_start_from_the_same_image(stages: list[list[tuple[str, str]]]) -> None:
    # the environment is copied from one to the other: its interpreter must be the same
    assert len({stage[0][1].split()[0] for stage in stages}) == 1


def test_the_image_installs_as_the_readme_says(stages: list[list[tuple[str, str]]]) -> None:
    assert ("RUN", INSTALL) in stages[0]
    assert INSTALL in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_image_runs_as_a_fixed_ordinary_user(final: dict[str, str]) -> None:
    user = re.fullmatch(r"(\d+):(\d+)", final["USER"])
    assert user, "by number, so that an orchestrator can tell"
    assert int(user[1]) > 0
    assert f"--uid {user[1]}" in final["RUN"]
    assert f"--gid {user[2]}" in final["RUN"]


def test_the_user_is_set_after_all_that_needs_root(stages: list[list[tuple[str, str]]]) -> None:
    names = [name for name, _ in stages[-1]]
    assert "RUN" not in names[names.index("USER") :]


def test_tini_starts_the_node_and_sigterm_drains_it(final: dict[str, str]) -> None:
    assert final["ENTRYPOINT"] == '["tini", "--", "gtxnode"]'
    assert final["CMD"] == '["start"]'
    assert final["STOPSIGNAL"] == "SIGTERM"
    assert "tini" in shlex.split(final["RUN"])


def test_health_is_what_the_node_itself_says(final: dict[str, str]) -> None:
    assert final["HEALTHCHECK"].endswith('CMD ["gtxnode", "status"]')


def test_the_home_is_a_volume(final: dict[str, str]) -> None:
    home = re.search(r"GTX_HOME=(\S+)", final["ENV"])
    assert home
    assert final["VOLUME"] == home[1]
    assert f"--home-dir {home[1]}" in final["RUN"]


def test_the_build_context_holds_what_is_installed_and_no_more() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    kept = {rule[1:] for rule in rules if rule.startswith("!")}
    assert kept == {*LIBRARIES_AND_NODE, "setup.cfg", "pyproject.toml", "README.md"}


@pytest.mark.parametrize("target", ["devnet", "test"])
def test_the_readme_s_commands_make_their_own_environment(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}: \$\(READY\)$", makefile, re.MULTILINE)
    assert re.search(r"^\$\(READY\): setup\.cfg pyproject\.toml$", makefile, re.MULTILINE)
    assert f"make {target}" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("target", ["lint", "format", "bench", "clean"])
def test_the_makefile_has_its_other_targets(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    assert re.search(rf"^\.PHONY:.*\b{target}\b", makefile, re.MULTILINE)


def test_ci_runs_the_readme_s_test_command_last() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & stat.S_IXUSR
    lines = script.read_text(encoding="utf-8").strip().splitlines()
    assert "set -euo pipefail" in lines
    assert lines[-1] == "make --silent test"


def test_the_packages_listed_are_the_packages_there(setup: configparser.ConfigParser) -> None:
    listed = set(setup["options"]["packages"].split())
    there = {
        path.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for name in LIBRARIES_AND_NODE
        for path in (ROOT / name).rglob("__init__.py")
    }
    assert listed == there


def test_every_folder_with_code_is_a_package() -> None:
    bare = {
        path.parent.relative_to(ROOT).as_posix()
        for name in LIBRARIES_AND_NODE
        for path in (ROOT / name).rglob("*.py")
        if not (path.parent / "__init__.py").exists()
    }
    assert not bare


def test_the_package_data_named_is_there(setup: configparser.ConfigParser) -> None:
    for package, patterns in setup["options.package_data"].items():
        folder = ROOT / package.replace(".", "/")
        for pattern in patterns.replace(",", " ").split():
            assert list(folder.glob(pattern)), f"{package}: nothing matches {pattern}"


def test_all_data_beside_the_code_is_package_data(setup: configparser.ConfigParser) -> None:
    named = {
        path
        for package, patterns in setup["options.package_data"].items()
        for pattern in patterns.replace(",", " ").split()
        for path in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    there = {
        path
        for name in LIBRARIES_AND_NODE
        for path in (ROOT / name).rglob("*")
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
    }
    assert there == named


def test_the_console_script_leads_to_the_command_line(setup: configparser.ConfigParser) -> None:
    assert setup["options.entry_points"]["console_scripts"].split() == [
        "gtxnode", "=", "gtxnode.cli:main",
    ]  # fmt: skip
