# `make demo` and `make test` need nothing but Python 3.11+, git and make: each sets up what it lacks.

VENV := .venv
PYTHON := $(VENV)/bin/python

.PHONY: help demo test lint types check run bench bench-json screenshots keys man lock clean setup setup-dev

help:
	@echo 'make demo         set up, and open the dashboard over a throw-away deck'
	@echo 'make run          set up, and open the dashboard over your own deck'
	@echo 'make test         set up, and run lint, types and all tests'
	@echo 'make lint         format check, ruff, import contracts'
	@echo 'make types        mypy, strict'
	@echo 'make bench        measure, as a table          (make bench-json: as JSON)'
	@echo 'make screenshots  make the pictures in screenshots/ from the demo deck'
	@echo 'make keys         write the key table into docs/keys.md'
	@echo 'make man          write the manual page and the table of completion from the verbs'
	@echo 'make lock         resolve the locked dependencies anew (needs uv)'
	@echo 'make clean        remove the virtual environment and caches'

setup:
	@sh scripts/setup run

setup-dev:
	@sh scripts/setup dev

demo: setup
	@$(VENV)/bin/devdeck demo

run: setup
	@$(VENV)/bin/devdeck

test: setup-dev lint types
	$(PYTHON) -m pytest -n auto --dist worksteal

check: lint types

lint: setup-dev
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/lint-imports --no-cache

types: setup-dev
	$(VENV)/bin/mypy

bench: setup-dev
	@$(PYTHON) -m bench

bench-json: setup-dev
	@$(PYTHON) -m bench --json

screenshots: setup-dev
	$(PYTHON) -m bench.screenshots

keys: setup-dev
	$(PYTHON) -m tui.keys docs/keys.md

man: setup-dev
	$(PYTHON) -m devdeck.cli.manual

lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command 'make lock' --group build pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command 'make lock' --group dev pyproject.toml -o requirements-dev.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
