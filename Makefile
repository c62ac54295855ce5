# Works on a fresh Debian 12 or Ubuntu with Python 3.11+, make, git and root or sudo.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install deb demo pictures test e2e lint accuracy lock clean

VENV := .venv
BIN := $(VENV)/bin

# The tests start our programs hundreds of times; each start would compile them again.
unexport PYTHONDONTWRITEBYTECODE

# The tests of the pure layer (tests/unit/test_layers.py) run under coverage, which must not fall
# below what pyproject.toml says. Long random searches cost most there and reach nothing new.
PURE := $(filter-out %_fuzz.py %_guards.py %_properties.py %_robustness.py,$(wildcard \
  $(foreach room,config decode events health profiles transport,tests/unit/$(room)/test_*.py) \
  $(foreach subject,assess past schedule vital,tests/unit/poll/test_$(subject).py)))

# Whole files go to the workers, in the order of tests/conftest.py: the longest first. More
# workers than cores where tests wait for devices.
BY_FILE := --dist loadfile --no-loadscope-reorder

# Real browsers, buses and clocks: a machine that stalls for seconds can fail a test that has
# nothing wrong. What fails is told, and runs once more, alone; what fails twice is a fault. So is
# a run that did not come to its end (pytest says 1 where tests failed), whatever failed before it.
ALONE := --last-failed --last-failed-no-failures=none -rpfE
define tested
@rm -f .pytest_cache/v/cache/lastfailed; $(BIN)/python -m pytest $(1) $(2) || { \
	  test $$? -eq 1 || exit 2; printf '\n%s\n\n' \
	  "What failed above runs once more, alone. It is worth a look even where it passes now:"; \
	  $(BIN)/python -m pytest $(ALONE) $(2); }
endef

help: ## Say what each target does
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(VENV)/.installed ## Make .venv and install bbu-agent and bbu-sim into it

$(VENV)/.installed: pyproject.toml requirements.lock deploy/scripts/make-venv.sh
	deploy/scripts/make-venv.sh $(VENV) requirements.lock
	touch $@

$(VENV)/.tested: $(VENV)/.installed requirements-test.lock deploy/scripts/peers.sh tests/deploy/schema/package-lock.json
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-test.lock
	deploy/scripts/peers.sh
	deploy/scripts/grafana-schema.sh $(BIN)/python $(VENV)/grafana-schema
	touch $@

deb: install ## Build the Debian package for this release and architecture into dist/
	deploy/debian/build.sh dist

demo: install ## Simulated rack and agent, live (DEMO_SECONDS=90 ends by itself)
	$(BIN)/python deploy/demo/demo.py $(if $(DEMO_SECONDS),--seconds $(DEMO_SECONDS))

pictures: $(VENV)/.tested ## The pictures of the page in docs/images, from the running demo
	$(BIN)/python -m deploy.demo.pictures

lint: $(VENV)/.tested ## Style, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: $(VENV)/.tested lint ## Every test, against real peers
	$(call tested,-n 2 $(BY_FILE) --cov --cov-report=,$(PURE))
	$(BIN)/coverage report --skip-covered
	$(call tested,-n 3 $(BY_FILE),--ignore=tests/end_to_end $(PURE:%=--ignore=%))
	$(call tested,-n 3 $(BY_FILE),tests/end_to_end)

e2e: $(VENV)/.tested ## From a fault in the rack to one page, and its end (also part of test)
	$(BIN)/python -m pytest tests/end_to_end/test_pages.py

accuracy: $(VENV)/.tested ## Score the estimator on the development data beside the checkout, renew docs/estimator.md
	$(BIN)/python -m tests.benchmarks.accuracy --write

lock: ## Write the lock files again from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
	  --extra build --extra fast --extra parquet --extra pretty --extra top pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
	  --extra build --extra fast --extra parquet --extra pretty --extra top --extra dashboards --extra test -c requirements.lock \
	  pyproject.toml -o requirements-test.lock

clean: ## Remove what the targets made
	rm -rf $(VENV) .cache .coverage .demo build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find agent simulators tests deploy -name __pycache__ -prune -exec rm -r {} +
