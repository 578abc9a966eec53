# Everything here works inside .venv, which `make` builds in two stages: what drawing needs, then what development needs.
# On a machine with nothing but Python and make, `make demo` and `make test` are the only two commands one has to know.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# The first Python on the path that runs and is new enough. Override: make PYTHON=/path/to/python3.12
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$p" && break; done)
# Installed first and by exact version, so that the requirement of the package itself is already met. Without an NVIDIA
# GPU from the index for processors, beside the usual one: its wheels are 200 MB, not gigabytes of CUDA, and pip takes
# them where it can have both. For another build: make install TORCH='torch==2.13.0 --index-url URL' TORCH_INDEX=
TORCH ?= torch==2.13.0
TORCH_INDEX ?= $(shell command -v nvidia-smi >/dev/null 2>&1 || echo https://download.pytorch.org/whl/cpu)
# Fails where an address does not answer at once, as behind a house's own index: pip would ask it for every package.
ANSWERS := import sys, urllib.request; urllib.request.urlopen(sys.argv[1] + '/torch/', timeout=5)
# Test processes. Each keeps torch to one thread (tests/conftest.py); tests in a browser leave a core idle while they wait,
# so three fill two cores.
JOBS ?= 3
# Of the npm package that formats and checks the page. Exact, as the tools of pyproject.toml are.
BIOME_VERSION ?= 2.6.8

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# By the node that pip brought: the machine needs none of its own.
BIOME := $(BIN)/node .venv/node/node_modules/@biomejs/biome/bin/biome

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Limner needs Python 3.11 or newer on the path (or: make PYTHON=/path/to/python)." >&2; exit 2; }
	"$(PYTHON)" -m venv .venv

.venv/.core: pyproject.toml | $(BIN)/python
	@echo "Installing Limner into .venv (the first time fetches PyTorch: some minutes)"
	@index="$(TORCH_INDEX)"; [ -z "$$index" ] || $(BIN)/python -c "$(ANSWERS)" "$$index" 2>/dev/null || index=""; \
		$(PIP) install --quiet $(TORCH) $${index:+--extra-index-url "$$index"}
	$(PIP) install --quiet --editable .
	@touch $@

.venv/.dev: .venv/.core
	@echo "Installing what training, worlds, export and development need"
	$(PIP) install --quiet --editable '.[train,worlds,import,export,studio,postgres,dev]'
	@touch $@

# The version is in the stamp's name, so that another one is installed when it changes.
.venv/.biome-$(BIOME_VERSION): | .venv/.dev
	@echo "Installing what checks the page's JavaScript"
	$(BIN)/npm install --prefix .venv/node --no-save --no-package-lock --no-audit --no-fund --ignore-scripts \
		--loglevel error @biomejs/biome@$(BIOME_VERSION)
	@touch $@

.PHONY: install
install: .venv/.dev .venv/.biome-$(BIOME_VERSION) ## Install the package with everything needed to work on it

.PHONY: demo
demo: .venv/.core ## Draw a gallery from sentences with the bundled checkpoint, into demo/
	$(BIN)/python -m limner.demo

.PHONY: test
test: lint docs ## Everything that must pass: format, lint, types, docs, tests
	tests/programs.sh $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

.PHONY: mutants
mutants: .venv/.dev ## Take each idea out of the systems and show that a test notices
	$(BIN)/python tests/mutants.py --jobs $(JOBS)

.PHONY: lint
lint: .venv/.dev .venv/.biome-$(BIOME_VERSION) ## Check format, style, layers and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo
	$(BIOME) ci --error-on-warnings
	$(BIN)/mypy

.PHONY: format
format: .venv/.dev .venv/.biome-$(BIOME_VERSION) ## Format the code and mend what can be mended without thought
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIOME) check --write

.PHONY: docs
docs: .venv/.dev ## Build the documentation into site/; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

.PHONY: bench
bench: .venv/.dev ## Measure drawing and world building here; appends to results/ and rewrites the tables
	$(BIN)/python benchmarks/drawing.py avatars
	$(BIN)/python benchmarks/avatars.py
	$(BIN)/python benchmarks/tables.py

.PHONY: clean
clean: ## Remove what was built: site, caches, demo pictures (runs/, data/ and .venv stay)
	rm -rf site demo dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests docs benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
