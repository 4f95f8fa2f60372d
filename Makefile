# make run    make .venv, install, run the main job and say where the report is
# make test   make .venv if need be, install the development extras, run every check and test
# make docs   build the documentation into site/
# make clean  remove what the other targets made, but never runs/
#
# PYTHON chooses the interpreter, ARGS more options of `nextlabel run`:
#     make run PYTHON=python3.12 ARGS="--dataset animals"

SHELL := bash
PYTHON ?= python3
ARGS ?=

# At a terminal pip shows what it fetches, with a bar for the large downloads; elsewhere it is quiet.
PIP_INSTALL = .venv/bin/python -m pip install --disable-pip-version-check $$(test -t 1 || echo --quiet)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test docs clean

help:
	@awk '!/^#/ { exit } { sub(/^# ?/, ""); print }' Makefile

run: .venv/.run-installed
	@.venv/bin/nextlabel run $(ARGS)

test: .venv/.dev-installed
	@scripts/check

docs: .venv/.dev-installed
	@NO_MKDOCS_2_WARNING=1 .venv/bin/python -m mkdocs build --strict
	@printf '\nThe documentation is at %s/site/index.html\n' "$$PWD"

clean:
	rm -rf .venv build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# The stamps hold what is installed: pip runs again only when pyproject.toml has changed since. The package is
# installed in place, so a change of its source needs no installation. A stamp of the development extras counts
# for both, because they hold all that a run needs.

.venv/.created:
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "expected a Python interpreter '$(PYTHON)', but there is none;" \
	    "name one with: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "nextlabel needs Python 3.10 or newer, but '$(PYTHON)' is $$($(PYTHON) --version 2>&1);" \
	    "name another with: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@.venv/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@touch $@

.venv/.run-installed: pyproject.toml | .venv/.created
	@echo "Installing nextlabel into .venv (the first time this fetches torch, which is large) ..."
	@$(PIP_INSTALL) --editable .
	@touch $@

.venv/.dev-installed: pyproject.toml | .venv/.created
	@echo "Installing nextlabel and its development extras into .venv (the first time this fetches torch, which is large) ..."
	@$(PIP_INSTALL) --editable '.[dev]'
	@touch $@ .venv/.run-installed
