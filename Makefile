# Two commands do everything on a fresh machine: `make run` starts the app, `make test` runs every check and test.
#
#   make run PORT=8600                      another port
#   make run PYTHON=python3.12              another Python (3.11 or newer)
#   make run PIP_FLAGS="--extra-index-url https://download.pytorch.org/whl/cpu"
#                                           smaller downloads on a machine without a GPU
PYTHON ?= python3
PORT ?= 8501
WORKERS ?= 2
PIP_FLAGS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS)

.DELETE_ON_ERROR:
.PHONY: run test check browser clean

run: $(VENV)/.installed
	$(BIN)/streamlit run app.py --server.port $(PORT)

# Each test process takes one thread; two of them fill two cores.
test: check browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.installed: requirements.txt | $(BIN)/python
	@echo "Installing what the app needs into $(VENV), once; this takes a few minutes."
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements.txt requirements-dev.txt | $(BIN)/python
	@echo "Installing what the app and its tests need into $(VENV), once; this takes a few minutes."
	@$(PIP) -r requirements-dev.txt
	@touch $(VENV)/.installed $@

# A browser for the browser tests: the one on the PATH, else the system's package, else Playwright's own download.
browser: $(VENV)/.installed-dev
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null 2>&1 && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  echo "Installing chromium for the browser tests."; \
	  apt-get update -qq >/dev/null 2>&1; \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null 2>&1 && exit 0; \
	fi; \
	$(BIN)/playwright install chromium && exit 0; \
	echo "!!! NO BROWSER: the browser tests will be SKIPPED. Install chromium to run them. !!!" >&2

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
