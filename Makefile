# make demo [INPUT=folder]   run the main job on a generated DICOM study or on your own folder
# make test                  all tests but those of the DICOM service against real servers and of the container image
# make test-pacs             the DICOM service against real servers and clients (dcmtk, Orthanc), some minutes
# make test-pacs-full        the same with the whole fault matrix and the long fuzz runs; its table is out/faults.md
# make ohif                  fetches the viewer OHIF, with which test-pacs-full then looks at a result (needs npm, chromium)
# make map                   the container image, see docs/map.md: IMAGE=, BASE=, BUILD=cpu|gpu, ENGINE=podman|buildah|docker
#                            without BASE= it makes its own base, which needs podman, mmdebstrap and root
# make map-test              builds it and runs it hardened and offline; leaves out/map-test/result.json
# make map-test-full         the same, and builds it again without a cache: the layers must be equal
# make map-lock              writes the hashes of the image's packages
# make lint                  style and types
# make bench                 speed

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT := out/demo
export OMP_NUM_THREADS ?= 2

export BUILD ?= cpu
export BASE ?= localhost/spine-base:bookworm
export IMAGE ?= localhost/spine-segmentation:latest
OHIF := @ohif/app@3.12.10
MAP_REQUIREMENTS := configs/image/requirements-$(BUILD).txt configs/image/requirements-build.txt
WHEELS := out/map/wheels
ifneq ($(wildcard /sys/fs/cgroup/unified),) # hybrid control groups, with which podman's defaults fail
export CONTAINERS_CONF ?= $(CURDIR)/tests/map/containers.conf
endif

.PHONY: demo test test-pacs test-pacs-full ohif map map-test map-test-full map-lock lint bench
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

ohif: $(VENV)/.installed out/ohif/package/dist/index.html
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[viewer]"

out/ohif/package/dist/index.html:
	mkdir -p out/ohif
	cd out/ohif && npm pack --silent $(OHIF) && tar --extract --file *.tgz --touch && rm *.tgz

# A base of another name is the engine's to find.
map: $(WHEELS)/.$(BUILD)
	$(if $(filter localhost/spine-base:bookworm,$(BASE)),scripts/make_base.sh $(BASE))
	scripts/build_image.sh

# Whatever fails, no result of an earlier run stays.
map-test map-test-full:
	rm -f out/map-test/result.json
	$(MAKE) map
	$(BIN)/python -m pytest tests/map -m $(if $(filter map-test,$@),"map and not slow",map)

map-lock: $(VENV)/.installed
	PATH=$(CURDIR)/$(BIN):$$PATH scripts/lock_image.sh

$(WHEELS)/.$(BUILD): $(VENV)/.installed $(MAP_REQUIREMENTS)
	mkdir -p $(@D)
	for file in $(MAP_REQUIREMENTS); do \
		$(BIN)/pip download --quiet --require-hashes --no-deps --dest $(@D) --requirement $$file || exit 1; done
	touch $@

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
