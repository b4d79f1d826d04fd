# make demo [INPUT=folder]   run the main job on a generated DICOM study or on your own folder
# make test                  all tests
# make test-pacs             the DICOM service against real servers and clients (dcmtk, Orthanc), some minutes
# make test-pacs-full        the same with the whole fault matrix and the long fuzz runs; its table is out/faults.md
# make lint                  style and types
# make bench                 speed

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT := out/demo
export OMP_NUM_THREADS ?= 2

.PHONY: demo test test-pacs test-pacs-full lint bench
.DELETE_ON_ERROR:

demo: $(VENV)/.installed
	$(BIN)/spine-segmentation demo -o $(OUT) $(if $(INPUT),--input "$(INPUT)")
	@echo "Look at $(OUT)/overlay.png; the DICOM Segmentation is $(OUT)/segmentation.dcm"

test: $(VENV)/.installed
	$(BIN)/python -m pytest

test-pacs: $(VENV)/.installed
	tests/pacs/on_loopback.sh $(BIN)/python -m pytest tests/pacs -m "pacs and not slow"

test-pacs-full: $(VENV)/.installed
	mkdir -p out
	PACS_FAULTS=full PACS_FAULTS_TABLE=out/faults.md tests/pacs/on_loopback.sh $(BIN)/python -m pytest tests/pacs -m pacs

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed
	$(BIN)/python benchmarks/bench_pipeline.py out/bench
	$(BIN)/python benchmarks/bench_synth.py

# torch comes first and by itself: its build (CPU or CUDA) is the machine's choice, all else is pinned.
$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet torch==2.13.0
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[app,train,pacs,plots,dev]"
	touch $@
