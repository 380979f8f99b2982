# Every target below needs nothing but a Python 3.11 or newer, a C compiler and libgmp's
# headers (fastecdsa, which libp2p asks for, is compiled); the virtual environment is made
# here, and made anew when what it is made from has changed.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.installed

# The chains of two regions, and the one on which zones trade with one another.
SHARDS := geo_bangkok,geo_northern,func_energytrading

# Passed on as they are: make devnet ARGS="--duration 60", make test ARGS="tests/ledger -x".
ARGS ?=

.PHONY: devnet test lint format bench clean

devnet: $(READY)
	$(BIN)/gtxnode devnet --shards $(SHARDS) $(ARGS)

test: $(READY)
	$(BIN)/pytest $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)
	$(BIN)/python -m benchmarks $(ARGS)

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(READY): setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; say which: make PYTHON=python3.11" >&2; exit 1; }
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev,bench]'
	touch $@
