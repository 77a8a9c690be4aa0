# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
TORCH ?= torch==2.13.0
VENV := .venv
BIN := $(VENV)/bin
NATIVE := CMakeLists.txt pyproject.toml $(shell find cpp -name '*.cpp' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh' 2>/dev/null)

.DEFAULT_GOAL := help

.PHONY: help
help:  ## Lists the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(VENV)/made:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet '$(TORCH)'
	@touch $@

$(VENV)/installed: $(VENV)/made $(NATIVE)
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/dev: $(VENV)/installed
	$(BIN)/pip install --quiet --group dev
	@touch $@

.PHONY: demo
demo: $(VENV)/installed  ## Builds a2p, reconstructs the packaged example image, writes meshes and an overlay to out/demo.
	$(BIN)/a2p reconstruct python/a2p/assets/example.jpg -o out/demo

.PHONY: test
test: $(VENV)/dev  ## Builds a2p and runs every test.
	$(BIN)/pytest

.PHONY: lint
lint: $(VENV)/dev  ## Checks style, types, layers, spelling and generated files.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell $$(git ls-files '*.py' '*.pyi' '*.md' '*.toml' '*.cpp' '*.h' '*.cu' '*.cuh' Makefile CMakeLists.txt)
	$(BIN)/clang-format --dry-run --Werror $$(git ls-files '*.cpp' '*.h' '*.cu' '*.cuh')
	$(BIN)/python tools/stubs.py --check
	$(BIN)/python tools/protos.py --check

.PHONY: sanitize
sanitize: $(VENV)/dev  ## Runs the C++ tests under AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer.
	for sanitizer in address,undefined thread; do \
	  $(BIN)/cmake -S . -B build/$$sanitizer -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja \
	    -DCMAKE_BUILD_TYPE=RelWithDebInfo -DA2P_CUDA=OFF -DA2P_BUILD_TESTS=ON -DA2P_SANITIZE=$$sanitizer \
	  && $(BIN)/cmake --build build/$$sanitizer \
	  && $(BIN)/ctest --test-dir build/$$sanitizer --output-on-failure || exit 1; \
	done

.PHONY: format
format: $(VENV)/dev  ## Formats Python and C++ and regenerates the stub of the extension.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $$(git ls-files '*.cpp' '*.h' '*.cu' '*.cuh')
	$(BIN)/python tools/stubs.py

.PHONY: clean
clean:  ## Removes the virtual environment, builds and outputs.
	rm -rf $(VENV) build dist out
