# Targets a user needs. The environment is .venv, built from requirements.lock: what runs, what tests, what compiles for CUDA.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test check fuzz mutants bench ptx device lock clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

# A stamp is newer than the lock and the project file when its section, and all before it, are installed.
$(VENV)/section-run: requirements.lock pyproject.toml .ci/install
	PYTHON=$(PYTHON) .ci/install $(VENV) run
$(VENV)/section-test: requirements.lock pyproject.toml .ci/install
	PYTHON=$(PYTHON) .ci/install $(VENV) test
$(VENV)/section-ptx: requirements.lock pyproject.toml .ci/install
	PYTHON=$(PYTHON) .ci/install $(VENV) ptx

run: $(VENV)/section-run  ## run the two campaigns on this machine's CPU
	$(BIN)/mcsim run campaign=sec_cmbs
	$(BIN)/mcsim run campaign=prime_jumbo

check: $(VENV)/section-test  ## style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: $(VENV)/section-ptx check  ## everything CI runs but the PTX budget; JOBS=n processes
	$(BIN)/python -m pytest -n $(JOBS) --benchmark-disable

fuzz: $(VENV)/section-test  ## a minute of damaged inputs: tapes, deals, overrides, option files, run folders
	$(BIN)/python -m tests.fuzz

mutants: $(VENV)/section-ptx  ## wrong changes to the code, one at a time: each must fail a test
	$(BIN)/python -m tests.mutants --jobs $(JOBS)

bench: $(VENV)/section-test  ## throughput, store, waterfall, start-up, each against its limit
	$(BIN)/python -m benchmarks.run

ptx: $(VENV)/section-ptx  ## compile the CUDA kernels without a device: registers, spills, no float64
	$(BIN)/python -m benchmarks.ptx

device:  ## on a machine with a GPU: parity, mappings, rates, end to end; its own numba-cuda and CuPy, nothing else
	$(PYTHON) -m benchmarks.device

lock:  ## resolve pyproject.toml again into requirements.lock
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet 'pip-tools>=7.5,<8'
	$(VENV)-lock/bin/python .ci/lock

clean:  ## remove the environment, caches and build output; runs/ stays
	rm -rf $(VENV) $(VENV)-lock build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks .import_linter_cache
	find kernels mcsim tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
