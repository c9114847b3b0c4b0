# The two commands a newcomer needs: `make demo` and `make check`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Real Julias start and compile in most tests: more workers than cores only make them wait.
WORKERS ?= 2
STAMP  := $(VENV)/.installed

.PHONY: help env julia clients what-agents-see demo check check-all lint types imports test test-all julia-test chaos soak format wheel sdist deb deb-test clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

env: $(STAMP)  ## the Python environment, in .venv

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@

julia: $(STAMP)  ## find the Julias at hand (JULIAS="path path"), or fetch one into .julia
	@$(BIN)/python packaging/julia/find_or_fetch.py

clients: $(STAMP)  ## fetch the MCP clients that tests drive, into .clients; needs npm
	@$(BIN)/python -m tests.real_clients.fetch

what-agents-see: $(STAMP) julia clients  ## remake docs/what-agents-see.md with the real clients
	@$(BIN)/pytest -q tests/real_clients/test_document.py --remake

demo: $(STAMP) julia  ## a readable story through two real agents
	@$(BIN)/python examples/demo.py

check: lint types imports test julia-test  ## everything CI runs: all tests on the newest Julia, a few on the others

check-all: lint types imports test-all julia-test  ## the same with all tests on every Julia at hand

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

test: $(STAMP) julia
	@$(BIN)/python -m tests.real_clients.fetch --if-possible
	$(BIN)/pytest --numprocesses $(WORKERS) --dist worksteal

test-all: $(STAMP) julia
	@$(BIN)/python -m tests.real_clients.fetch --if-possible
	$(BIN)/pytest --numprocesses $(WORKERS) --dist worksteal --all-julias

julia-test: $(STAMP) julia
	@$(BIN)/python packaging/julia/run_gate_tests.py

chaos: $(STAMP) julia  ## random work and random deaths for MINUTES=10, with figures; SEED= repeats one
	$(BIN)/python -m tests.chaos --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

soak: $(STAMP) julia  ## hundreds of restarts and of daemon kills, with figures
	$(BIN)/python -m benchmarks.soak_restarts
	$(BIN)/python -m benchmarks.soak_daemon_kills

format: $(STAMP)  ## let ruff rewrite the sources
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

wheel: $(STAMP)  ## build the wheel into dist/, with manual pages and completions
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

sdist: $(STAMP)  ## build the source archive into dist/
	$(BIN)/python -m hatchling build --target sdist --directory dist

deb: $(STAMP)  ## build a package for Debian 12 and 13 into dist/
	@rm -f dist/kaimond_*.deb
	@$(BIN)/python packaging/debian/build_deb.py

deb-test: deb  ## use that package in a real Debian 12 and 13; needs root and debootstrap
	packaging/debian/test_in_tree bookworm dist/kaimond_*.deb
	packaging/debian/test_in_tree trixie dist/kaimond_*.deb

clean:  ## remove what make made, except .venv and .julia
	rm -rf dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
