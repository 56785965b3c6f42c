# The two commands of the README are `make quickstart` and `make test`. The rest is for working on it.

PYTHON ?= python3.11
VENV ?= .venv
JOBS ?= 2
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt
SOURCES := src tests benchmarks

.PHONY: quickstart test check format bench-quality bench-speed bench-tasks bench-translation \
	bench-memory bench-saving bench-distillation bench-episodes bench-methods bench-few-shot \
	bench-speed-larger bench-speed-tasks bench-prediction bench-cost-curves bench-startup bench-rows bench-engines \
	torture clean

quickstart: $(VENV)/.installed-demo
	$(BIN)/luthier run recipes/quickstart.yaml

# One thread a process: the tiny models of the tests are too small to share.
test: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) $(ARGS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/docs

format: $(VENV)/.installed-dev
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

bench-quality: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/quality/measure.py $(ARGS)

bench-speed: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/throughput/measure.py $(ARGS)

bench-speed-larger: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/larger_encoder/measure.py $(ARGS)

bench-speed-tasks: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/task_speed/measure.py $(ARGS)

bench-prediction: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/prediction/measure.py $(ARGS)

bench-cost-curves: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/cost_curves/measure.py $(ARGS)

bench-startup: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/startup/measure.py $(ARGS)

bench-engines: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/engines/measure.py $(ARGS)

bench-tasks: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/tasks/measure.py $(ARGS)

bench-translation: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/translation/measure.py $(ARGS)

bench-memory: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/memory/measure.py $(ARGS)

bench-rows: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/rows/measure.py $(ARGS)

bench-saving: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/saving/measure.py $(ARGS)

bench-distillation: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/distillation/measure.py $(ARGS)

bench-episodes: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/episodes/measure.py $(ARGS)

bench-methods: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/methods/measure.py $(ARGS)

bench-few-shot: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/few_shot/measure.py $(ARGS)

# Kills, crashes, damage and the rest, counted in full: half an hour. ARGS="--share 0.1": a tenth.
torture: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.torture $(ARGS)

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
