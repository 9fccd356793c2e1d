# Every target sets up what it needs in .venv, so a fresh clone needs only Python and make.

PYTHON ?= python3

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check
EXTRAS := cli,crypto,hypothesis,redis,trio,wsproto

# The drivers, the engines that have a store, and what is beside them; everything else is a sans-I/O
# floor.
NOT_SANS_IO := */eventproto/asyncio/*,*/eventproto/trio/*,*/eventproto/_drive/*,*/eventproto/engine/sqlite/*,*/eventproto/engine/redis/*,*/eventproto/testing/*,*/eventproto/strategies/*,*/eventproto/cli/*,*/eventproto/__main__.py,*/eventproto/_demo.py,*/eventproto/_hypothesis.py

# Or the wrapper asks the network at each run whether there is a newer pyright.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

say = @printf '==> %s\n'

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint lint-style lint-mypy lint-pyright lint-floors docs bench fuzz autobahn autobahn-asyncio \
  autobahn-trio format clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo  ## see all four protocols at work
	@$(BIN)/python -m eventproto demo

test: $(VENV)/.test  ## run all tests; the sans-I/O floors must be covered to the last branch
	$(say) 'tests'
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest --numprocesses=logical
	$(say) 'coverage of the sans-I/O floors'
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --fail-under=100 --omit='$(NOT_SANS_IO)'

lint: lint-style lint-mypy lint-pyright lint-floors  ## check style, types and floors

lint-style: $(VENV)/.lint
	$(say) 'ruff check'
	@$(BIN)/ruff check --quiet --output-format=concise .
	$(say) 'ruff format'
	@$(BIN)/ruff format --quiet --diff .

lint-mypy: $(VENV)/.lint
	$(say) 'mypy'
	@$(BIN)/mypy --no-error-summary src tests examples benchmarks fuzz

lint-pyright: $(VENV)/.lint
	$(say) 'pyright'
	@$(BIN)/pyright
	@$(BIN)/pyright --project tests

lint-floors: $(VENV)/.lint
	$(say) 'lint-imports'
	@$(BIN)/lint-imports --no-logo

docs: $(VENV)/.docs  ## build the documentation into docs/_build/html
	$(say) 'sphinx-build'
	@$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html

bench: $(VENV)/.bench  ## measure against the peers
	@$(BIN)/python -m benchmarks

# What to fuzz (all that there is, if it is empty), and for how long.
TARGET ?=
SECONDS ?= 60

fuzz: $(VENV)/.fuzz  ## let a fuzzer look for what breaks the parsers (TARGET=sse SECONDS=60)
	@set -e; for target in $(or $(TARGET),$$($(BIN)/python -m fuzz)); do \
	  printf '==> fuzzing %s\n' $$target; mkdir -p build/fuzz/$$target; \
	  $(BIN)/python -m fuzz $$target build/fuzz/$$target -max_total_time=$(SECONDS) \
	    -artifact_prefix=build/fuzz/$$target- -verbosity=0; \
	done

# What runs the Autobahn suite, which needs Python 2.7; and which of its cases: all of them.
AUTOBAHN ?= $(wildcard ../shared/tools/run_autobahn.py)
# The suite is written in Python 2.7; the runner installs it into the first of these.
AUTOBAHN_VENV ?= $(HOME)/.cache/autobahn27
AUTOBAHN_PYTHON27 ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/2.7.*/bin/python) $(shell command -v python2.7))
export AUTOBAHN_VENV AUTOBAHN_PYTHON27
CASES ?=
PLAYER = $(BIN)/python -m eventproto.testing

ifeq ($(AUTOBAHN),)
autobahn:
	$(say) 'skipped: there is no runner of the Autobahn suite (make AUTOBAHN=...)'
else ifeq ($(wildcard $(AUTOBAHN_VENV)/bin/wstest $(AUTOBAHN_PYTHON27)),)
autobahn:
	$(say) 'skipped: the Autobahn suite needs Python 2.7 (make AUTOBAHN_PYTHON27=...)'
else
autobahn: autobahn-asyncio autobahn-trio  ## run the Autobahn suite against both roles, on both runtimes
endif

autobahn-asyncio autobahn-trio: autobahn-%: $(VENV)/.test
	$(say) 'Autobahn against our server on $*'
	@$(PYTHON) $(AUTOBAHN) server --strict --workdir build/autobahn/$*-server $(CASES) \
	  --cmd "$(PLAYER).echo --runtime $* --port {port} --max-message 16777216"
	$(say) 'Autobahn against our client on $*'
	@$(PYTHON) $(AUTOBAHN) client --strict --workdir build/autobahn/$*-client $(CASES) \
	  --cmd "$(PLAYER).autobahn --runtime $* {url}"

format: $(VENV)/.lint  ## let ruff put the code in shape
	$(say) 'ruff'
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .

clean:  ## remove .venv and everything that was built
	@rm -rf $(VENV) build dist docs/_build src/*.egg-info src/eventproto/*/*.so htmlcov .coverage .coverage.* \
	  .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp for each set of packages: what they are built from installs them again.

BUILT := setup.py src/eventproto/websocket/_mask_accelerator.c

$(VENV)/.pip:
	$(say) 'making $(VENV)'
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("eventproto needs Python 3.11 or later (make PYTHON=...)")'
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --upgrade 'pip>=25.1'  # older ones know no --group
	@touch $@

$(VENV)/.demo: WHAT := -e '.[trio]'
$(VENV)/.test: WHAT := -e '.[$(EXTRAS)]' --group test
$(VENV)/.lint: WHAT := -e '.[$(EXTRAS)]' --group lint --group test --group bench
$(VENV)/.docs: WHAT := -e '.[$(EXTRAS)]' --group docs
$(VENV)/.bench: WHAT := -e '.[$(EXTRAS)]' --group bench
$(VENV)/.fuzz: WHAT := -e . --group fuzz

$(VENV)/.demo $(VENV)/.test $(VENV)/.lint $(VENV)/.docs $(VENV)/.bench $(VENV)/.fuzz: pyproject.toml $(BUILT) | $(VENV)/.pip
	$(say) "installing what $(subst .,,$(@F)) needs"
	@$(PIP) install $(WHAT)
	@touch $@
