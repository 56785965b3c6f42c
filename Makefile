# The two commands of the README: `make quickstart` and `make test`. All else is for working on it.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt
JOBS ?= 2

.PHONY: quickstart test check format bench-quality bench-speed clean

quickstart: $(VENV)/.demo
	$(BIN)/luthier run recipes/quickstart.yaml

test: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS)

check: $(VENV)/.dev
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

bench-quality: $(VENV)/.dev
	$(BIN)/python benchmarks/quality/measure.py $(ARGS)

bench-speed: $(VENV)/.dev
	$(BIN)/python benchmarks/throughput/measure.py $(ARGS)

clean:
	rm -rf $(VENV) build dist src/*.egg-info

# A stamp for each set of packages: nothing is installed again while these files stay as they are.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing Luthier into $(VENV) (PyTorch is large; this takes a minute or two)"
	$(PIP) -e '.[demo]'
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing Luthier and its tools into $(VENV) (this takes a minute or two)"
	$(PIP) -e '.[dev]'
	@touch $@ $(VENV)/.demo
