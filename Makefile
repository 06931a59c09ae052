# Two commands on a fresh machine: `make run` and `make test`. They need Python, pip and an index.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Without it make, where there is no ninja, would compile one file after the other.
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(shell nproc 2>/dev/null || echo 2)
# What is imported keeps its bytecode, even where the environment says not to: torch's takes seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test setup clean

run: $(VENV)/.installed
	$(BIN)/runnel train mingru-stories --out runs/first
	@echo
	$(BIN)/runnel generate runs/first --prompt "Once upon a time" --temperature 0.5

test: $(VENV)/.installed-dev
	PATH="$(CURDIR)/$(BIN):$$PATH" scripts/check

setup: $(VENV)/.installed-dev

# torch comes first and pinned: a bare `torch` would bring several GB of CUDA.
$(VENV)/.installed: pyproject.toml constraints.txt CMakeLists.txt $(wildcard src/runnel/ops/csrc/*)
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --no-compile --constraint constraints.txt torch
	$(PIP) install --quiet --no-compile --constraint constraints.txt --editable .
	@find $(VENV)/lib -name 'librunnel_ops.*' | grep -q . || \
		echo "no C++ compiler that works: runnel computes on plain torch, more slowly; see runnel doctor"
	touch $@

# What the extra `dev` names, without the package: to install that again would compile it again.
$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
		print(*project["optional-dependencies"]["dev"], sep="\n")' > $(VENV)/dev.txt
	$(PIP) install --quiet --no-compile --constraint constraints.txt --requirement $(VENV)/dev.txt
	touch $@

clean:
	rm -rf $(VENV) build runs .mypy_cache .pytest_cache .ruff_cache .hypothesis
