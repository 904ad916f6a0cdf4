# Every target makes .venv when it is missing or out of date. Needed: Python 3.11 or newer, and make.

PYTHON ?= $(firstword $(foreach p,python3.13 python3.12 python3.11 python3,$(if $(shell $(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo yes),$(p))))
BIN := .venv/bin
QUICKSTART := quickstart

.PHONY: quickstart test check bench format clean
.DEFAULT_GOAL := quickstart

quickstart: .venv/base.done
	$(BIN)/flancollect build starter --out $(QUICKSTART)/starter
	@echo
	$(BIN)/flancollect preview starter -n 3
	@echo
	$(BIN)/flancollect verify $(QUICKSTART)/starter
	@echo "Open it with: datasets.load_from_disk(\"$(QUICKSTART)/starter\")"
	@ls -lh $(QUICKSTART)/starter

test: .venv/dev.done
	$(BIN)/python -m pytest -n 2 --dist worksteal

check: .venv/dev.done
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.habits
	$(BIN)/flancollect cards check

bench: .venv/dev.done
	$(BIN)/python -m tests.performance

format: .venv/dev.done
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

clean:
	rm -rf .venv $(QUICKSTART)

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "flancollect needs Python 3.11 or newer: install it, or say make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/base.done: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

.venv/dev.done: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ .venv/base.done
