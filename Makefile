# Any Python from 3.11 on; uv, where it is, finds or fetches one. PYTHON=... chooses.
PYTHON ?= $(firstword $(foreach each,python3.11 python3.12 python3.13 python3.14 python3,$(shell command -v $(each))))
UV := $(shell command -v uv)
BIN := .venv/bin
VENV = $(if $(UV),uv venv --quiet --python '$(if $(filter command line,$(origin PYTHON)),$(PYTHON),>=3.11)' .venv,$(PYTHON) -m venv .venv)
INSTALL = $(if $(UV),uv pip install --python $(BIN)/python,$(BIN)/python -m pip install --no-compile) --constraint constraints.txt
export MPLBACKEND := Agg

.PHONY: install quickstart test test-all test-cluster test-faults servers notebooks lint format bench docs gpu clean

install: .venv/.installed .venv/.dev # to use it, and to work on it

.venv/.installed: pyproject.toml constraints.txt
	@echo "Installing PyTorch, Ray, MLflow, Optuna and what they need into .venv, once; it takes a minute or two."
	test -x $(BIN)/python || $(VENV)
	$(if $(UV),,$(BIN)/python -m pip install --quiet --upgrade pip)
	$(INSTALL) torch --editable .
	@echo 'Compiling it, on all cores.'
	@$(BIN)/python -c "import compileall, sysconfig; compileall.compile_dir(sysconfig.get_path('purelib'), quiet=2, workers=0)"
	@touch $@

.venv/.dev: .venv/.installed
	$(INSTALL) --quiet --group dev
	@touch $@

quickstart: .venv/.installed
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
	$(INSTALL) --quiet --group cluster --group notebooks

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

docs: install # into build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --config-file docs/mkdocs.yml

gpu: $(if $(filter command line,$(origin PYTHON)),,install) # with PYTHON=…, that environment as it is, offline
	$(if $(filter command line,$(origin PYTHON)),$(PYTHON),$(BIN)/python) -m benchmarks.gpu

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache build *.egg-info
