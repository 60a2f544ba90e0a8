PYTHON ?= python3.11
BIN := .venv/bin
export MPLBACKEND := Agg

.PHONY: install quickstart test test-all test-cluster test-faults servers notebooks lint format bench gpu clean

install: .venv/.installed

.venv/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable . --group dev
	touch $@

quickstart: install
	$(BIN)/studies launch studies/quickstart.yaml

test: install lint # files side by side, on as many cores as there are, but each launch of a study wants one
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

test-all: install lint servers
	$(BIN)/python -m pytest -m ""

test-cluster: install servers
	$(BIN)/python -m pytest -m cluster

test-faults: install
	$(BIN)/python -m pytest -m faults

servers: install # which only the slow tests start; PostgreSQL, libfaketime, Slurm and bubblewrap come from the system
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group cluster --group notebooks

notebooks: servers
	$(BIN)/python docs/notebooks/execute.py

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install
	$(BIN)/python -m benchmarks

gpu: $(if $(filter command line,$(origin PYTHON)),,install) # with PYTHON=…, that environment as it is, offline
	$(if $(filter command line,$(origin PYTHON)),$(PYTHON),$(BIN)/python) -m benchmarks.gpu

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache build *.egg-info
