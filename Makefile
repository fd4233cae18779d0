# make run | test | check; `make help` lists all. ARGS="..." goes to the run or to pytest.
PYTHON ?= python3
VENV ?= .venv
ARGS ?=

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.docs-installed
VERSION := $(VENV)/.python
REQUIREMENTS := requirements.txt requirements-recbole.txt requirements-dev.txt constraints.txt

# An environment that is there is kept, unless PYTHON was given and is another version than its own.
WANTED := $(if $(filter file,$(origin PYTHON)),,FORCE)

.PHONY: help setup run test test-slow bench format format-check lint types check docs build clean FORCE

help:
	@echo "make setup        install everything in $(VENV) (PYTHON=$(PYTHON))"
	@echo "make run          train DRepMRec on the embedded data set; ARGS=\"--epochs=5\""
	@echo "make test         fast tests; ARGS=\"-k knn\""
	@echo "make test-slow    tests that take minutes"
	@echo "make check        format, lint, types and fast tests"
	@echo "make bench        speed against stock RecBole, minutes on an idle machine"
	@echo "make format       format the code and sort the imports"
	@echo "make docs         the documentation site in site/, every link checked"
	@echo "make build        wheel and sdist in dist/"
	@echo "make clean        remove what the above made, $(VENV) included"

setup: $(STAMP)

$(VERSION): $(WANTED)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Python 3.11 or newer is needed and '$(PYTHON)' is not that:" \
	        "$$($(PYTHON) --version 2>&1); name another, as in: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; \
	    exit 1; }
	@version=$$($(PYTHON) -c 'import platform; print(platform.python_version())'); \
	if [ "$$(cat $@ 2>/dev/null)" != "$$version" ]; then \
	    echo "Making $(VENV) with Python $$version"; \
	    $(PYTHON) -m venv --clear $(VENV) && echo "$$version" > $@; \
	fi

$(STAMP): $(VERSION) $(REQUIREMENTS) pyproject.toml
	$(BIN)/python -m pip install -r requirements.txt -r requirements-dev.txt -c constraints.txt
	$(BIN)/python -m pip install --no-deps -r requirements-recbole.txt
	$(BIN)/python -m pip install --no-deps --editable .
	@touch $@

run: setup
	$(BIN)/python run_recbole.py --model=DRepMRec $(ARGS)

test: setup
	$(BIN)/python -m pytest $(ARGS)

test-slow: setup
	$(BIN)/python -m pytest -m slow $(ARGS)

bench: setup
	$(BIN)/python benchmarks/speed.py $(ARGS)

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --select I --fix .

format-check: setup
	$(BIN)/ruff format --check .

lint: setup
	$(BIN)/ruff check .

# Strict by pyproject.toml: --strict here would overrule its exceptions.
types: setup
	$(BIN)/mypy

check: format-check lint types test

$(DOCS_STAMP): $(STAMP) requirements-docs.txt
	$(BIN)/python -m pip install -r requirements-docs.txt -c constraints.txt
	@touch $@

# -m, so that the package of this checkout is the one described; the variable: no advertisement of another program
docs: $(DOCS_STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict $(ARGS)

build: setup
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name .git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
