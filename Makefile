# `make serve` and `make test` do everything on a fresh machine with Python 3.11+.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# On a machine where torch==2.13.0 would bring CUDA: make serve TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
PIP_ARGS := $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX),)
ARGS ?=
# How many processes run the tests; 0: this one. Each that needs a Postgres server has one of its own.
JOBS ?= 2

.PHONY: serve test lint types check audit image-check clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -e .
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -e '.[test]'
	@touch $@ $(VENV)/.installed

serve: $(VENV)/.installed
	$(BIN)/memory-service model pull
	$(BIN)/memory-service serve $(ARGS)

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-test
	$(BIN)/mypy

test: $(VENV)/.installed-test lint types
	$(BIN)/memory-service model pull
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile $(ARGS)

# Bandit over our code, and what is known to be wrong with the packages that are installed; the
# latter asks PyPI, and an index in its place that knows of no faults tells of none.
audit: $(VENV)/.installed-test
	$(BIN)/python -m pip check
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'bandit>=1.9' 'pip-audit>=2.10'
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml app memory
	$(BIN)/pip-audit --local

image-check:
	PYTHON=$(PYTHON) docker/image-check.sh

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
