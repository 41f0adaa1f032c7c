# Every target sets up what it needs in .venv by itself: `make test` works as the first command.
# PYTHON=/path/to/python3.12 chooses the interpreter.

PY := .venv/bin/python
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help setup demo test check snapshots lock bench

help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install everything into .venv (the other targets do so by themselves)
	@sh scripts/setup.sh

demo: setup ## Run the whole loop on a sample repository, with scripted agents
	@if [ -t 1 ]; then exec .venv/bin/conductor demo; else exec .venv/bin/conductor demo --batch; fi

test: setup ## Run every test; external ones whose program is missing are counted at the end
	$(PY) -m pytest $(ARGS)

check: setup ## Check format, lint, types, import contracts and sizes
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/mypy scripts/setup.py
	.venv/bin/lint-imports --no-logo
	$(PY) -m pytest -q tests/architecture/test_sizes.py

snapshots: setup ## Draw the pictures of the snapshot tests anew (look at them before you commit)
	$(PY) -m pytest -m snapshot --snapshot-update

lock: setup ## Write requirements.lock anew from pyproject.toml (ARGS=--upgrade for newer versions)
	@sh scripts/lock.sh $(ARGS)

bench: setup ## Run the benchmarks
	@for file in benchmarks/*.py; do \
	    [ -e "$$file" ] || { echo "bench: no benchmarks here"; break; }; \
	    echo "== $$file"; $(PY) "$$file" || exit 1; \
	done
