# run, test, demo, demo-all, bench, check: each builds .venv from requirements.lock by itself when it has to.

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
# The lock's checksum is part of the stamp's name: another lock, another environment.
LOCK_SUM := $(shell cksum < requirements.lock 2>/dev/null | cut -d' ' -f1)
STAMP := $(VENV)/.built-$(LOCK_SUM)
WORKERS ?= 2
# The coding agents that `make test-agents` drives, in the versions that the adapters were written for.
CLAUDE_CODE_VERSION ?= 2.1.330
CODEX_VERSION ?= 0.169.0
AGENTS := build/agents
# Package managers that a few tests use where they are.
UV_VERSION ?= 0.13.9
PNPM_VERSION ?= 10.34.9
TOOLS := build/tools
AGENTS_STAMP := $(AGENTS)/.installed-$(CLAUDE_CODE_VERSION)-$(CODEX_VERSION)

.DEFAULT_GOAL := help
.PHONY: help run test test-tools test-agents crash demo demo-all bench check

help:
	@echo 'make run       start Waggle; what has no credentials is served by the playground'
	@echo 'make test      run the tests'
	@echo 'make test-tools   install the package managers that some tests use into build/tools/bin'
	@echo 'make test-agents  install Claude Code and Codex into build/ and run the tests that drive them, without an account'
	@echo 'make crash     kill Waggle before, within and after every side effect (minutes)'
	@echo 'make demo      play the core scenarios in the terminal'
	@echo 'make demo-all  play every scenario'
	@echo 'make bench     measure (ONLY=part,… for some of it); figures in build/bench.json'
	@echo 'make check     lint, types, import contracts, dependencies'

run: $(STAMP)
	@exec $(VENV)/bin/waggle run $(ARGS)

test: $(STAMP)
	@$(PY) -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

test-tools:
	@command -v npm >/dev/null || { echo 'pnpm comes from npm, and it is not here. Debian: apt-get install npm.' >&2; exit 1; }
	@mkdir -p $(TOOLS)/bin
	@$(PYTHON) -m venv $(TOOLS)/uv
	@$(TOOLS)/uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@npm install --prefix $(TOOLS) --no-audit --no-fund --no-save pnpm@$(PNPM_VERSION) >/dev/null
	@ln -sf ../uv/bin/uv ../node_modules/.bin/pnpm $(TOOLS)/bin/

# Not below the temporary directory: Codex refuses to keep its helper programs there.
test-agents: $(STAMP) $(AGENTS_STAMP)
	@$(PY) -m pytest -m agents --basetemp=$(AGENTS)/tmp tests/agents $(ARGS)

crash: $(STAMP)
	@$(PY) -m pytest -m crash_all -n $(WORKERS) --dist worksteal tests/crash $(ARGS)

demo: $(STAMP)
	@exec $(VENV)/bin/waggle demo $(ARGS)

demo-all: $(STAMP)
	@exec $(VENV)/bin/waggle demo --all $(ARGS)

bench: $(STAMP)
	@mkdir -p build
	@$(PY) -m tests.bench $(if $(ONLY),--only $(ONLY)) --json build/bench.json

check: $(STAMP)
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo
	@$(VENV)/bin/deptry .
	@$(PY) -m pytest -q tests/unit/test_side_effects_are_steps.py

$(STAMP): requirements.lock pyproject.toml
	@command -v git >/dev/null || { echo 'Waggle needs git 2.38 or newer, and it is not here. Debian: apt-get install git. macOS: xcode-select --install.' >&2; exit 1; }
	@command -v $(PYTHON) >/dev/null || { echo 'Waggle needs Python 3.11 or newer, and $(PYTHON) is not here. Debian: apt-get install python3 python3-venv. Another one: make PYTHON=/path/to/python3.' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Waggle needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Name a newer one: make PYTHON=python3.12." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo 'Python cannot make virtual environments here. Debian: apt-get install python3-venv.' >&2; exit 1; }
	@echo 'Building $(VENV) from requirements.lock; this takes about a minute, and happens once.'
	@if [ -x $(PY) ] && ! $(PY) -c 'import sys' 2>/dev/null; then rm -rf $(VENV); fi
	@[ -x $(PY) ] || $(PYTHON) -m venv $(VENV)
	@mkdir -p build
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock > build/install.log 2>&1 || { tail -n 20 build/install.log >&2; echo 'The environment could not be built; the lines above say why (all of them: build/install.log). Without a connection to a package index, set PIP_INDEX_URL to one that you reach.' >&2; exit 1; }
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . >> build/install.log 2>&1 || { tail -n 20 build/install.log >&2; exit 1; }
	@rm -f $(VENV)/.built-*
	@touch $@

$(AGENTS_STAMP):
	@command -v npm >/dev/null || { echo 'The agents come from npm, and it is not here. Debian: apt-get install npm.' >&2; exit 1; }
	@echo 'Installing Claude Code $(CLAUDE_CODE_VERSION) and Codex $(CODEX_VERSION) into $(AGENTS); about 800 MB, once.'
	@mkdir -p $(AGENTS)
	@npm install --prefix $(AGENTS) --no-audit --no-fund --no-save @anthropic-ai/claude-code@$(CLAUDE_CODE_VERSION) @openai/codex@$(CODEX_VERSION) > $(AGENTS)/npm.log 2>&1 || { tail -n 20 $(AGENTS)/npm.log >&2; exit 1; }
	@rm -f $(AGENTS)/.installed-*
	@touch $@
