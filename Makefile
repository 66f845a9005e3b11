# Everything that people run here. Each target can be repeated.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
PY := .venv/bin/python

.PHONY: help setup run demo test check bench chaos long docs format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/.runtime: requirements/runtime.lock
	@PYTHON=$(PYTHON) sh scripts/prerequisites.sh install run
	@test -x $(PY) || $(PYTHON) -m venv .venv
	@echo "Installing the runtime's packages (hash-checked) ..."
	@$(PY) -m pip install -q --disable-pip-version-check --require-hashes -r requirements/runtime.lock
	@touch $@

.venv/.dev: requirements/dev.lock .venv/.runtime
	@PYTHON=$(PYTHON) sh scripts/prerequisites.sh install test
	@echo "Installing the tests' packages (hash-checked) ..."
	@$(PY) -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@

setup: .venv/.dev ## install everything that development and tests need

run: .venv/.runtime ## run the whole system in one process, on SQLite, and print where to look
	@$(PY) -m services

demo: .venv/.runtime ## run it against a simulated Facebook page and tell what happened to each comment
	@$(PY) -m tests.demo

test: .venv/.dev ## all tests, with Apache Kafka, PostgreSQL and Chromium really used
	@$(PY) scripts/parts.py test

check: .venv/.dev ## the part of the tests that starts nothing: format, lint, types, unit, contract on SQLite
	@$(PY) scripts/parts.py check

bench: .venv/.dev ## measure speed; prints machine, command and ratios
	@$(PY) scripts/parts.py bench

chaos: .venv/.dev ## the long chaos runs: every process killed again and again, broker and database stopped
	@$(PY) scripts/parts.py chaos

long: .venv/.dev ## what does not fit into `make test`: the long chaos runs and three brokers
	@$(PY) scripts/parts.py long

docs: .venv/.dev ## generate what is generated: schemas, events, metrics, the map from clause to test
	@$(PY) -m scripts.docs

format: .venv/.dev ## format and fix what can be fixed
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

clean: ## remove caches and the embedded data; the virtual environment stays
	@rm -rf .data .mypy_cache .ruff_cache .pytest_cache .hypothesis
