"""The house as `DESIGN` draws it, proved from the source text: walls, directions, names, sizes.

Nothing here imports the code it judges: every statement is read off the syntax tree, so that an
import hidden inside a function counts as well. Lists of exceptions are ratchets: an entry that is
no longer needed fails too, so that they only ever grow shorter.
"""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = ("consensus", "p2p", "storage")
PACKAGES = (*LIBRARIES, "gtxnode")

# A foreign library, and the only place that may import it: a file, or a folder where one file
# for each role (server, client) may.
IMPORTERS: Mapping[str, tuple[str, int]] = {
    "plyvel": ("storage/leveldb.py", 1),
    "libp2p": ("p2p/", 1),
    "trio_websocket": ("gtxnode/rpc/", 2),
}

PURE = (
    "consensus/",
    "gtxnode/primitives/",
    "gtxnode/carbon/",
    "gtxnode/grid/",
    "gtxnode/market/",
    "gtxnode/metering/",
    "gtxnode/tariffs/",
    "gtxnode/ledger/",
)
IMPURE = {
    "asyncio", "logging", "os", "random", "secrets", "select", "socket", "structlog",
    "subprocess", "threading", "time", "trio",
    "p2p", "storage",
}  # fmt: skip

# The parts of gtxnode, lowest first. A part imports parts below it and, without going round in
# a circle, parts beside it.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"interpreter", "primitives", "schema"}),
    frozenset({"grid"}),
    frozenset({"carbon", "market", "metering", "tariffs"}),
    frozenset({"ledger"}),
    # one node's own: its folder, its settings, its keys, its counters
    frozenset(
        {
            "config", "config_text", "genesis", "genesis_file", "grid_data", "home", "keystore",
            "known_peers", "layers", "logs", "metrics", "private_file", "signer",
        }
    ),
    # one chain's parts
    frozenset(
        {
            "accuser", "admission", "application", "arrivals", "batches", "certificates", "chain",
            "checkpoints", "engine", "hosting", "intake", "rebuild", "relay", "roll_caller",
            "seeds", "sync",
        }
    ),
    frozenset(
        {
            "events", "measure", "rpc", "shard", "views", "web",
        }
    ),
    frozenset({"node"}),
    frozenset({"devnet"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)  # fmt: skip

EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "base"}

MODULE_LINES = 400
FUNCTION_LINES = 60
LONGER_MODULES: Mapping[str, int] = {}
LONGER_FUNCTIONS: Mapping[str, int] = {}

# Where a task is supervised: file and function. Everywhere else errors are caught by name.
SUPERVISORS: frozenset[str] = frozenset(
    {
        "gtxnode/cli/root.py:Root.main",
        "gtxnode/rpc/server.py:_Server.handle",
        "gtxnode/rpc/session.py:ClientSession._call",
        "gtxnode/web/asgi.py:_Exchange.run",
        "gtxnode/web/asgi.py:serve_app.handle",
        "p2p/gossip.py:Topics._accepts",
        "p2p/libp2p_host.py:open_network",
        "p2p/links.py:Link._run_stream_or_log",
        "p2p/mended_gossip.py:MendedRouter.heartbeat",
        "p2p/mended_gossip.py:is_signed",
        "p2p/mended_host.py:MendedHost._swarm_stream_handler",
        "p2p/requests.py:Requests._call",
        "p2p/simulated_node.py:SimulatedNetwork._accepts",
        "p2p/simulated_node.py:SimulatedNetwork._answer",
        "p2p/simulated.py:SimulatedWorld.open",
    }
)

# A person reads what these print; everything else logs.
MAY_PRINT = ("gtxnode/cli/", "gtxnode/devnet/", "benchmarks/", "tests/")


@cache
def sources(*folders: str) -> tuple[tuple[str, ast.Module], ...]:
    """Every Python file under the folders: its path from the root, and its syntax tree."""
    paths = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return tuple(
        (path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8")))
        for path in paths
        if "node_modules" not in path.parts
    )


def imported(place: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import, relative ones made absolute, names included."""
    package = place.removesuffix(".py").split("/")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"


def top(name: str) -> str:
    return name.partition(".")[0]


def functions(tree: ast.AST, within: str = "") -> Iterator[tuple[str, ast.AST, int]]:
    """Every function by its qualified name, its node, and its length in lines."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                name = f"{within}{node.name}"
                yield name, node, (node.end_lineno or node.lineno) - node.lineno + 1
                yield from functions(node, f"{name}.")
            case ast.ClassDef():
                yield from functions(node, f"{within}{node.name}.")
            case _:
                yield from functions(node, within)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_four_packages_are_there(package: str) -> None:
    assert sources(package), f"{package}/ has no Python file"


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_imports_neither_the_others_nor_the_node(library: str) -> None:
    broken = [
        f"{place}:{line} imports {name}"
        for place, tree in sources(library)
        for line, name in imported(place, tree)
        if top(name) in PACKAGES and top(name) != library
    ]
    assert not broken


@pytest.mark.parametrize("foreign", IMPORTERS)
def test_a_foreign_library_has_its_one_importer(foreign: str) -> None:
    home, limit = IMPORTERS[foreign]
    importers = {
        place
        for place, tree in sources(*PACKAGES)
        for _, name in imported(place, tree)
        if top(name) == foreign
    }
    assert importers, f"nothing imports {foreign}: is it still needed?"
    assert all(place.startswith(home) for place in importers), importers
    assert len(importers) <= limit, importers


def test_pure_parts_know_no_clock_no_chance_and_no_outside() -> None:
    broken = [
        f"{place}:{line} imports {name}"
        for place, tree in sources(*PACKAGES)
        if place.startswith(PURE)
        for line, name in imported(place, tree)
        if top(name) in IMPURE
    ]
    assert not broken


def part_of(place: str) -> str:
    """The part of gtxnode a file belongs to: its folder, or its own name."""
    return place.split("/")[1].removesuffix(".py")


def parts_imported(place: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    for line, name in imported(place, tree):
        match name.split("."):
            case ["gtxnode", part, *_]:
                yield line, part


def rank(part: str) -> int:
    ranks = [rank for rank, layer in enumerate(LAYERS) if part in layer]
    assert ranks, f"gtxnode.{part} has no place in LAYERS: which parts may it import?"
    return ranks[0]


def test_imports_inside_the_node_go_one_way() -> None:
    broken = [
        f"{place}:{line} imports {part}, which lies above it"
        for place, tree in sources("gtxnode")
        if part_of(place) != "__init__"
        for line, part in parts_imported(place, tree)
        if rank(part) > rank(part_of(place))
    ]
    assert not broken


def test_parts_of_the_node_do_not_import_in_a_circle() -> None:
    below: dict[str, set[str]] = {}
    for place, tree in sources("gtxnode"):
        part = part_of(place)
        below.setdefault(part, set()).update(name for _, name in parts_imported(place, tree))
        below[part].discard(part)

    finished: set[str] = set()

    def visit(part: str, path: tuple[str, ...]) -> None:
        assert part not in path, f"a circle: {' -> '.join((*path, part))}"
        if part not in finished:
            for name in sorted(below.get(part, ())):
                visit(name, (*path, part))
            finished.add(part)

    for part in sorted(below):
        visit(part, ())


def test_no_module_has_a_name_that_says_nothing() -> None:
    named = [
        place
        for place, _ in sources(*PACKAGES, "tests", "benchmarks")
        if EMPTY_NAMES & set(place.removesuffix(".py").split("/"))
    ]
    assert not named


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        place
        for place, tree in sources(*PACKAGES, "tests", "benchmarks")
        if tree.body and not ast.get_docstring(tree)
    ]
    assert not silent


def test_modules_stay_short() -> None:
    lengths = {
        place: (ROOT / place).read_text(encoding="utf-8").count("\n")
        for place, _ in sources(*PACKAGES)
    }
    over = {
        place: lines
        for place, lines in lengths.items()
        if lines > LONGER_MODULES.get(place, MODULE_LINES)
    }
    assert not over, f"over {MODULE_LINES} lines"
    stale = {place for place in LONGER_MODULES if lengths.get(place, 0) <= MODULE_LINES}
    assert not stale, "these need no exception any more"


def test_functions_stay_short() -> None:
    lengths = {
        f"{place}:{name}": lines
        for place, tree in sources(*PACKAGES)
        for name, _, lines in functions(tree)
    }
    over = {
        name: lines
        for name, lines in lengths.items()
        if lines > LONGER_FUNCTIONS.get(name, FUNCTION_LINES)
    }
    assert not over, f"over {FUNCTION_LINES} lines"
    stale = {name for name in LONGER_FUNCTIONS if lengths.get(name, 0) <= FUNCTION_LINES}
    assert not stale, "these need no exception any more"


def is_broad(handler: ast.ExceptHandler) -> bool:
    """Whether it swallows any error: one that cleans up and raises it again does not."""
    match handler.body[-1]:
        case ast.Raise(exc=None):
            return False
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException"))
        for kind in kinds
    )


def test_errors_are_caught_by_name() -> None:
    broad = set()
    for place, tree in sources(*PACKAGES):
        owned: set[ast.AST] = set()
        # innermost functions come last, so walking backwards names the nearest one
        for name, node, _ in reversed([("<module>", tree, 0), *functions(tree)]):
            for inner in ast.walk(node):
                if isinstance(inner, ast.ExceptHandler) and inner not in owned and is_broad(inner):
                    owned.add(inner)
                    broad.add(f"{place}:{name}")
    assert broad <= SUPERVISORS, f"caught everything: {sorted(broad - SUPERVISORS)}"
    assert broad >= SUPERVISORS, f"no longer so: {sorted(SUPERVISORS - broad)}"


def test_only_what_a_person_runs_prints() -> None:
    printing = [
        f"{place}:{node.lineno}"
        for place, tree in sources(*PACKAGES, "tests", "benchmarks")
        if not place.startswith(MAY_PRINT)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert not printing
