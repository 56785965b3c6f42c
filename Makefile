# The two commands of the README are `make quickstart` and `make test`. The rest is for working on it.

PYTHON ?= python3.11
VENV ?= .venv
JOBS ?= 2
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt
SOURCES := src tests benchmarks

# Tests start many processes: what is compiled once is read by all, whatever the shell says.
test test-fast: export PYTHONDONTWRITEBYTECODE =

.PHONY: quickstart test test-fast check format bench torture clean

quickstart: $(VENV)/.installed-demo
	$(BIN)/luthier run recipes/quickstart.yaml

# One thread a process: the tiny models of the tests are too small to share.
test: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) $(ARGS)

# After each change: every unit, the laws, and of each contract a slice.
test-fast: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) -m "not slow and not thorough" $(ARGS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/docs

format: $(VENV)/.installed-dev
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

# Without NAME: what there is. make bench NAME=throughput ARGS="--data FOLDER"
bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks $(NAME) $(ARGS)

# Kills, crashes, damage and the rest, counted in full: half an hour. ARGS="--share 0.1": a tenth.
torture: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks torture $(ARGS)

clean:
	rm -rf .venv build dist src/*.egg-info

# A stamp for each set of packages: nothing is installed again while these two files stay as they are.
$(VENV)/.installed-demo: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing Luthier into $(VENV) (PyTorch is large: this takes a minute or two)"
	@$(PIP) -e '.[demo]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing Luthier and its tools into $(VENV) (this takes a minute or two)"
	@$(PIP) -e '.[dev]'
	@touch $@ $(VENV)/.installed-demo

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here; with another one: \
	make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
