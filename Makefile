# Needs Python 3.11 or newer, pip and make. Everything is installed into .venv from the lock files.

.DEFAULT_GOAL := help
.NOTPARALLEL:
# Where an image forbids bytecode, each program that a test starts would compile all of its modules again.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2
CHECKED := soth_mitm tui tests snapshots bench conftest.py

# The first interpreter that is new enough and can make environments.
PYTHON ?= $(shell for python in python3.14 python3.13 python3.12 python3.11 python3; do \
	if "$$python" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	echo "$$python"; break; fi; done)

# A stamp carries the checksum of what it was made from, so a new lock makes a new environment, and
# a mere checkout that touches the files does not.
sum = $(shell cat $(1) | cksum | cut -d' ' -f1)
RUN_STAMP := $(VENV)/.run-$(call sum,requirements.lock pyproject.toml)
DEV_STAMP := $(VENV)/.dev-$(call sum,requirements.lock requirements-dev.lock pyproject.toml)

# An environment that works is kept, whoever made it; a broken or too old one counts as none.
USABLE := $(shell $(BIN)/python -c 'import pip, sys; print(sys.version_info >= (3, 11))' 2>/dev/null)
ifneq ($(USABLE),True)
$(shell rm -f $(VENV)/.run-* $(VENV)/.dev-*)
endif

PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
PROJECT := --no-deps --no-build-isolation --editable .
PYTEST := $(BIN)/python -bb -m pytest -r fEsX

.PHONY: help
help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: $(RUN_STAMP)  ## open the app over an embedded origin and live sample traffic
	@$(BIN)/soth-mitm demo

.PHONY: test
test: $(DEV_STAMP)  ## everything: lint, types, contracts, tests, snapshots, the built wheel
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory types
	@$(MAKE) --no-print-directory unit

.PHONY: lint
lint: $(DEV_STAMP)  ## ruff: rules and format
	@$(BIN)/ruff check $(CHECKED)
	@$(BIN)/ruff format --check $(CHECKED)

.PHONY: types
types: $(DEV_STAMP)  ## mypy --strict
	@$(BIN)/mypy

.PHONY: contracts
contracts: $(DEV_STAMP)  ## which layer may import which (`make unit` holds it too)
	@$(BIN)/lint-imports --no-logo --no-cache

# The workers are named in full because they would not inherit -bb. They take whole files, in the order
# of conftest.py: by itself the plugin begins with the files of most tests, and ends with long ones.
.PHONY: unit
unit: $(DEV_STAMP)  ## tests, snapshots, contracts and the built wheel; JOBS=2 workers
	@$(PYTEST) --dist loadfile --no-loadscope-reorder --tx '$(JOBS)*popen//python=$(BIN)/python -bb'

# ARGS="--limits" runs those of long messages too, ARGS="--cases '12.*,13.*' --ways connect" those of compression in one way.
.PHONY: websocket-cases
websocket-cases: $(DEV_STAMP)  ## the WebSocket conformance cases through the proxy, compared with direct (a minute)
	@$(BIN)/python -m tests.conformance.websocket_cases $(ARGS)

.PHONY: h2spec-cases
h2spec-cases: $(DEV_STAMP)  ## the cases of h2spec, for nginx alone and through the proxy (three minutes)
	@$(BIN)/python -m tests.conformance.h2spec_cases

.PHONY: wheel
wheel: $(DEV_STAMP)  ## build the wheel and test what is in it
	@$(PYTEST) tests/packaging

.PHONY: snapshots-update
snapshots-update: $(DEV_STAMP)  ## draw the screens anew; look at each picture before you commit it
	@$(PYTEST) snapshots --snapshot-update

.PHONY: screenshots
screenshots: $(DEV_STAMP)  ## draw the pictures of README.md and docs/ anew; look at each before you commit it
	@$(BIN)/python snapshots/screenshots.py

.PHONY: fuzz
fuzz: $(DEV_STAMP)  ## fuzz every reader of network bytes; SECONDS=60 for each, TARGET=sse for one
	@$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60) $(TARGET)

# ARGS="--seconds 2" for rough figures of every lane, ARGS="--lanes h2-1k,grpc-unary --repeat 3" for good ones of some.
.PHONY: bench
bench: $(DEV_STAMP)  ## measure beside the direct path and beside mitmproxy
	@$(BIN)/python -m bench $(ARGS)

.PHONY: format
format: $(DEV_STAMP)  ## let ruff mend and format the sources
	@$(BIN)/ruff check --fix $(CHECKED)
	@$(BIN)/ruff format $(CHECKED)

# Locked on the oldest Python we support: what only older ones need is then in it for all.
LOCK_VENV := .venv-lock
LOCK_HEAD := '\# Made by `make lock`. Holds on CPython 3.11 to 3.14, Linux and macOS.\n'
COMPILE := env -u PIP_FIND_LINKS -u PIP_INDEX_URL -u PIP_EXTRA_INDEX_URL $(LOCK_VENV)/bin/pip-compile \
	--quiet --generate-hashes --allow-unsafe --strip-extras --no-build-isolation --newline lf \
	--no-header --no-annotate --no-emit-options --no-emit-index-url --no-emit-find-links \
	--no-emit-trusted-host --build-deps-for editable $(if $(UPGRADE),--upgrade)

.PHONY: lock
lock:  ## write both lock files anew after a change in pyproject.toml; UPGRADE=1 takes newer versions
	python3.11 -m venv --clear $(LOCK_VENV)
	$(LOCK_VENV)/bin/python -m pip --disable-pip-version-check --quiet install pip-tools hatchling
	$(COMPILE) --output-file requirements.lock pyproject.toml
	$(COMPILE) --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	for lock in requirements.lock requirements-dev.lock; do \
		{ printf $(LOCK_HEAD); grep -v '^#' $$lock; } > $$lock.new && mv $$lock.new $$lock; done
	rm -rf $(LOCK_VENV)

.PHONY: clean
clean:  ## remove what was built and cached; CLEAN_VENV=1 removes the environment too
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -f snapshot_report.html
	find $(CHECKED) -name __pycache__ -type d -prune -exec rm -rf {} +
	$(if $(CLEAN_VENV),rm -rf $(VENV))

.PHONY: python
python:
ifneq ($(USABLE),True)
	@if [ -z "$(PYTHON)" ]; then \
		echo "No Python 3.11 or newer with the venv module was found. Install one," \
			"or name it: make PYTHON=/path/to/python3 ..." >&2; exit 2; fi
	@echo "Making $(VENV) with $(PYTHON)"
	@if "$(PYTHON)" -c 'import ensurepip' >/dev/null 2>&1; then \
		"$(PYTHON)" -m venv --clear $(VENV); \
	else \
		"$(PYTHON)" -m venv --clear --without-pip $(VENV) && \
		"$(PYTHON)" -m pip --python $(BIN)/python --quiet install pip; fi
endif

$(RUN_STAMP): | python
	@echo "Installing what requirements.lock names (once)"
	@$(PIP) install --require-hashes --requirement requirements.lock
	@$(PIP) install $(PROJECT)
	@rm -f $(VENV)/.run-*
	@touch $@

$(DEV_STAMP): | python
	@echo "Installing what requirements-dev.lock names (once)"
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@$(PIP) install $(PROJECT)
	@rm -f $(VENV)/.run-* $(VENV)/.dev-*
	@touch $(RUN_STAMP) $@
