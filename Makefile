# CamProxy. `make` alone lists what there is.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help run test check benchmark format texts boards pico clean client pico-tools

help:  ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/.installed client  ## Set everything up if need be, and start the server
	@exec $(BIN)/python app.py

test: .venv/.installed-dev client pico-tools  ## Run all tests, two files at a time; ARGS="-k demo" is passed on to pytest
	@$(BIN)/python scripts/setup.py system
	@$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder $(ARGS)

check: .venv/.installed-dev  ## Check format, lint and types, then run all tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(MAKE) --no-print-directory test

benchmark: .venv/.installed-dev client  ## Measure speed beside a C program (20 minutes; needs cc); ARGS="fanout" for one
	@$(BIN)/python -m benchmarks $(ARGS)

format: .venv/.installed-dev  ## Put the code into shape
	@$(BIN)/ruff check --fix --exit-zero .
	@$(BIN)/ruff format .

texts: .venv/.installed  ## Bring the translations up to the texts in the sources
	@$(BIN)/python scripts/texts.py

boards: .venv/.installed pico-tools  ## Start a simulated camera and its Pico, with the server that runs; ARGS="--help" says more
	@exec $(BIN)/python scripts/simulated_boards.py $(if $(SERVER),--server $(SERVER)) $(ARGS)

pico: .venv/.installed pico-tools  ## Start a simulated Pico; ARGS="--server URL --token TOKEN", or --help
	@$(BIN)/python scripts/simulated_pico.py $(ARGS)

clean:  ## Remove what can be made again; data and settings stay
	rm -rf .venv static/vendor node_modules pico/node_modules pico/typings esp32/build
	rm -rf .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

client: .venv/bin/python
	@$(BIN)/python scripts/setup.py client

pico-tools: .venv/bin/python
	@$(BIN)/python scripts/setup.py pico

# Stamps: pip is asked only when the requirements have changed.

.venv/.installed: requirements.txt .venv/bin/python
	@echo "Installing what the server needs (a few minutes the first time)"
	@$(PIP) -r requirements.txt
	@touch $@

.venv/.installed-dev: requirements-dev.txt requirements-postgresql.txt .venv/.installed
	@echo "Installing what the tests need"
	@$(PIP) -r requirements-dev.txt
	@touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "CamProxy needs Python 3.11 or later; name one with: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv is missing; install it with: sudo apt install python3-venv"; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }
