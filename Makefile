# Everything a change needs, here and in CI. Only make, pip and Python 3.11 or newer are expected.
# ARGS go to the program behind a target: make test ARGS="-x tests/engine"

VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed
CODE  := engine server client tests examples bench proto/generate.py proto/reference
ARGS  ?=
SECONDS ?= 180
SEED  ?=
SEEDS ?= 2000

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z.-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: .venv
.venv: $(STAMP) ## Create the virtual environment with everything installed

$(STAMP): pyproject.toml
	@test -x $(BIN)/python || { \
	  for python in python3.11 python3; do \
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	      exec $$python -m venv $(VENV); \
	    fi; \
	  done; \
	  echo 'Neither python3.11 nor python3 is Python 3.11 or newer: install it first.' >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[server,dev]'
	@touch $@

.PHONY: demo
demo: $(STAMP) ## Run the example workflow
	@$(BIN)/python -m examples.audit $(ARGS)

.PHONY: test
test: $(STAMP) ## Run the tests
	$(BIN)/python -m pytest $(ARGS)

.PHONY: chaos
chaos: $(STAMP) ## Break everything while it works, and check what was promised
	$(BIN)/python -m tests.chaos --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: simulate
simulate: $(STAMP) ## Play the server's time thousandfold: faults and delays drawn by seeds
	$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(SEEDS)) \
		$(if $(SERVERS),--servers $(SERVERS)) $(ARGS)

.PHONY: bench
bench: $(STAMP) ## Measure costs and write docs/performance.md (twenty minutes; ARGS=--quick: ten)
	$(BIN)/python bench/all.py $(ARGS)

.PHONY: limits
limits: $(STAMP) ## Measure a server at its limits, and how quickly others take over (ten minutes)
	$(BIN)/python bench/limits.py
	$(BIN)/python bench/takeover.py

.PHONY: fuzz
fuzz: $(STAMP) ## Fuzz the API, expressions and definitions for some hours; make test does it for seconds
	$(BIN)/python -m pytest tests/fuzz --hypothesis-profile=fuzz --timeout=0 $(ARGS)

.PHONY: check
check: lint format-check types imports proto-lint proto-check ## Run every check but the tests

.PHONY: lint
lint: $(STAMP) ## Lint the code
	$(BIN)/ruff check --quiet $(CODE)

.PHONY: format-check
format-check: $(STAMP) ## Check the code's format
	$(BIN)/ruff format --check --quiet $(CODE)

.PHONY: types
types: $(STAMP) ## Check the types
	$(BIN)/mypy

.PHONY: imports
imports: $(STAMP) ## Check the directions of imports
	$(BIN)/lint-imports --no-logo

.PHONY: proto-lint
proto-lint: $(STAMP) ## Lint the protos
	$(BIN)/buf lint proto

.PHONY: proto-check
proto-check: $(STAMP) ## Check that the generated code and the reference of the API are up to date
	$(BIN)/python proto/generate.py --check
	$(BIN)/python -m proto.reference --check

.PHONY: proto
proto: $(STAMP) ## Generate the code of the protos and the reference of the API
	$(BIN)/python proto/generate.py
	$(BIN)/python -m proto.reference

.PHONY: format
format: $(STAMP) ## Format the code and repair what can be repaired
	$(BIN)/ruff check --fix --quiet $(CODE) || true
	$(BIN)/ruff format --quiet $(CODE)

.PHONY: clean
clean: ## Remove caches and build results (the environment stays)
	rm -rf build dist htmlcov .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find engine server client proto tests examples -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
