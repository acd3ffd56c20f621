# Cubefeed. `make help` lists what there is.
ENGINE ?= duckdb
TESTS  ?= tests/unit tests/integration
VENV   := .venv
BIN    := $(VENV)/bin
LOCK   := deployments/requirements.lock
READY  := $(VENV)/.ready
AUDIT  := $(VENV)/audit
CACHES := .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache

# Nothing that runs here reports its use to anybody.
export DO_NOT_TRACK = 1
export PREFECT_SERVER_ANALYTICS_ENABLED = false
# pytest rewrites each module of tests: kept, that is ten seconds less in each process of the next run.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: demo up test test-fast test-atoti test-deep test-attack soak bench bench-full bench-guard bench-against picture check hooks audit licences clean help

demo: $(READY)        ## the sample story, from files to a live cube (ENGINE=duckdb or atoti)
	@$(BIN)/cubefeed demo --engine $(ENGINE)

up: $(READY)          ## the same system, kept running until Ctrl-C
	@$(BIN)/cubefeed up --engine $(ENGINE)

test: $(READY)        ## all tests, three at a time, since many of them wait for processes
	@$(BIN)/python -m pytest -n 3 --dist worksteal

test-fast: $(READY)   ## the tests without servers and browsers, or a part of them: TESTS=tests/unit/landing
	@$(BIN)/python -m pytest -n 4 --dist worksteal -p no:schemathesis $(TESTS) -m "not deep and not slow"

test-atoti: $(READY)  ## the tests on a real Atoti engine: needs its licence
	@$(BIN)/python -m pytest -m atoti

test-deep: $(READY)   ## the long tests
	@$(BIN)/python -m pytest -m deep -n 2

test-attack: $(READY) ## all attacks, the long ones too
	@$(BIN)/python -m pytest tests/attack -m "deep or not deep"

soak: $(READY)        ## streams, outages and corrections for 40 minutes; figures in tests/bench/soak.json
	@$(BIN)/python -m tests.bench.soak

bench: $(READY)       ## ours and its peers side by side; figures in tests/bench/, README.md and results.json
	@$(BIN)/python -m tests.bench.run

bench-full: $(READY)  ## the same at three sizes: how cost grows
	@$(BIN)/python -m tests.bench.full

bench-guard: $(READY) ## a quick run, whose ratios may not be far above the committed ones
	@$(BIN)/python -m tests.bench.guard

bench-against: $(READY) ## this tree and another commit in turn: COMMIT=main ONLY="one-file burst" PAIRS=7 QUICK=1
	@$(BIN)/python -m tests.bench.against $(COMMIT) $(if $(ONLY),--only $(ONLY)) $(if $(PAIRS),--pairs $(PAIRS)) \
	    $(if $(QUICK),--quick)

picture: $(READY)     ## the README's picture of the live page, taken again: needs Chromium
	@$(BIN)/python -m tests.picture

check: $(READY)       ## style, types and the direction of imports
	@failed=0; \
	for each in "ruff check" "ruff format --check" "mypy" "lint-imports --no-logo"; do \
	    echo "== $$each"; $(BIN)/$$each || failed=1; \
	done; \
	exit $$failed

hooks: $(READY)       ## before each commit, `make check` of what is staged
	@hook=$$(git rev-parse --git-path hooks)/pre-commit; \
	if [ -e "$$hook" ] && ! grep -q .ci/pre-commit "$$hook"; then \
	    echo "$$hook is there already: let it call .ci/pre-commit" >&2; exit 2; \
	fi; \
	mkdir -p "$$(dirname "$$hook")" && \
	printf '#!/bin/sh\nexec "$$(git rev-parse --show-toplevel)/.ci/pre-commit"\n' >"$$hook" && chmod +x "$$hook"

audit: $(READY)       ## known defects in the locked packages: asks PyPI; findings are judged in .github/SECURITY.md
	@test -x $(AUDIT)/bin/pip-audit || { \
	    rm -rf $(AUDIT) && $(BIN)/python -m venv $(AUDIT) && \
	    $(AUDIT)/bin/python -m pip install -qq --disable-pip-version-check --no-input --no-deps --require-hashes \
	        -r deployments/audit.lock; \
	} || { echo "pip-audit cannot be installed here: it needs a package index" >&2; exit 2; }
	@$(BIN)/python deployments/audit.py $(AUDIT)/bin/pip-audit

licences: $(READY)    ## the licences of what ships; fails for one that is unknown or not allowed
	@$(BIN)/python deployments/licences.py

clean:                ## removes .venv, the caches and the state under data/
	@rm -rf $(VENV) $(CACHES) build dist *.egg-info data/state data/shop-state data/demo
	@find flows tests deployments -name __pycache__ -type d -prune -exec rm -rf {} +

help:                 ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

# The environment. Made again only when the lock or the project's metadata change; .ready says it is complete.
$(READY): $(LOCK) pyproject.toml .python-version
	@python=; \
	for each in python3.13 python3.12 python3.14 python3; do \
	    if $$each -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then \
	        python=$$each; break; \
	    fi; \
	done; \
	uv=$$(command -v uv); \
	if [ -z "$$python$$uv" ]; then \
	    echo "Cubefeed needs Python 3.12 or newer: install python3.13 with its venv module (or uv), then try again." >&2; \
	    exit 1; \
	fi; \
	echo "Setting up $(VENV): about a minute where the packages are cached"; \
	if [ -n "$$uv" ]; then \
	    install="uv pip install --quiet --python $(BIN)/python --compile-bytecode"; \
	    $(BIN)/python -c '' 2>/dev/null || uv venv --quiet --seed --clear $${python:+--python $$python} $(VENV); \
	else \
	    install="$(BIN)/python -m pip install -qq --disable-pip-version-check --no-input"; \
	    $(BIN)/python -m pip --version >/dev/null 2>&1 || $$python -m venv --clear $(VENV); \
	fi && \
	echo "  locked packages" && $$install --no-deps --require-hashes -r $(LOCK) && \
	echo "  cubefeed itself" && $$install --no-deps --no-build-isolation -e . && \
	touch $@
