# make help lists the targets. Each makes what it needs: an empty checkout is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SHOP := build/shop
GALLERY := build/gallery
BUNDLES := models/bundles
BUNDLE := $(BUNDLES)/two-stage
RUNS := runs
# One thread each, since two workers of several threads would wait for each other.
PARALLEL := OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: demo test test-fast coverage check words openapi clients bench bench-index bench-service bench-beside bench-peers bench-desk parity soak poison bundles table help clean

demo: build/gallery.built  ## serve a shop of 5 000 drawn products at http://127.0.0.1:8000
	$(BIN)/likebut serve --bundle $(BUNDLE) --gallery $(GALLERY)

test: $(VENV)/test  ## run the tests, and print how many percent of the lines of service and index they run
	$(PARALLEL) -m "not torch" --cov=service --cov=index --cov-report=term
	$(PARALLEL) -m torch

coverage: $(VENV)/test  ## run the tests, and print how many percent of all lines they run (half as slow again)
	$(PARALLEL) --cov --cov-report=term

test-fast: $(VENV)/test  ## run the tests that need no torch, browser or processes (within a minute)
	$(PARALLEL) -m "not torch and not browser and not process and not slow"

check: $(VENV)/test  ## lint, spelling, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/typos
	$(BIN)/mypy
	$(BIN)/lint-imports

words: $(VENV)/test  ## count the words "where" and "if" in the docstrings
	$(BIN)/python -m tests.docstring_words

openapi: $(VENV)/serve  ## write service/openapi.json anew, after a change of the HTTP interface
	$(BIN)/likebut openapi > service/openapi.json

clients: $(VENV)/test clients/typescript/node_modules/.package-lock.json  ## write the Python and TypeScript clients anew, after a change of service/openapi.json (needs npm)
	$(BIN)/python clients/python/generate.py
	npm --prefix clients/typescript run generate

clients/typescript/node_modules/.package-lock.json: clients/typescript/package-lock.json
	npm --prefix clients/typescript ci --no-audit --no-fund

parity: $(VENV)/test  ## compare the bundles of all open_clip models with open_clip's own outputs, at full size (many hours, 24 GiB of memory)
	$(BIN)/python -m tests.training.bundles.parity

bench: build/gallery.built  ## measure the search's latency, stage by stage, words beside vectors, suggestions, several images of an item, the drawing, searches after changes, and builds beside the encoder
	$(BIN)/python deploy/benchmarks/search.py --bundle $(BUNDLE) --gallery $(GALLERY) --shop $(SHOP)
	$(BIN)/python deploy/benchmarks/hybrid.py --bundle $(BUNDLE) --gallery $(GALLERY) --shop $(SHOP)
	$(BIN)/python deploy/benchmarks/suggestions.py --bundle $(BUNDLE) --gallery $(GALLERY)
	$(BIN)/python deploy/benchmarks/several_images.py --bundle $(BUNDLE) --gallery $(GALLERY) --shop $(SHOP)
	$(BIN)/python deploy/benchmarks/vectors/after_changes.py --bundle $(BUNDLE)
	$(BIN)/python deploy/benchmarks/build_rate.py --bundle $(BUNDLE)

bench-index: $(VENV)/test  ## measure the index on a million vectors, swaps under load, crashes and rebuilds (about an hour)
	$(BIN)/python deploy/benchmarks/vectors/gallery.py --write
	$(BIN)/python deploy/benchmarks/swaps.py
	$(BIN)/python deploy/benchmarks/rebuild.py
	$(BIN)/python deploy/benchmarks/crashes.py
	$(BIN)/python deploy/benchmarks/writers.py

bench-service: build/gallery.built build/large.built  ## measure the service under load against raw batches, and how it starts and how the cores are best shared
	$(BIN)/python deploy/benchmarks/threads.py --bundle $(BUNDLE) --gallery $(GALLERY) --shop $(SHOP)
	PYTHONPATH=deploy/benchmarks $(BIN)/python -m processes.start --bundle $(BUNDLE) --gallery $(GALLERY) --shop $(SHOP)
	PYTHONPATH=deploy/benchmarks $(BIN)/python -m processes.profile --bundle $(BUNDLE) --gallery $(GALLERY) --shop $(SHOP)
	PYTHONPATH=deploy/benchmarks $(BIN)/python -m processes.workers --bundle $(BUNDLE) --gallery $(GALLERY) --shop $(SHOP)
	$(BIN)/python deploy/benchmarks/under_load.py --bundle $(BUNDLE) --gallery $(GALLERY) --shop $(SHOP)
	$(BIN)/python deploy/benchmarks/under_load.py --bundle build/large/bundle --gallery build/large/gallery --shop build/large/shop

bench-peers: build/gallery.built build/large.built  ## measure service and index beside their peers, each installed in build/peers (about an hour)
	PYTHONPATH=deploy/benchmarks:deploy/benchmarks/vectors $(BIN)/python -m peers.indexes
	PYTHONPATH=deploy/benchmarks $(BIN)/python -m peers.services
	PYTHONPATH=deploy/benchmarks $(BIN)/python -m peers.report --write

bench-beside: build/gallery.built  ## measure the service beside that of another checkout, OTHER=PATH
	PYTHONPATH=deploy/benchmarks $(BIN)/python -m peers.checkout --other $(OTHER) --bundle $(BUNDLE) --gallery $(GALLERY) --shop $(SHOP)

bench-desk: $(VENV)/test  ## evaluate over 120 000 pictures within 4 GiB, killed and resumed (ten minutes)
	$(BIN)/python -m tests.models.sum_bundle build/sum
	$(BIN)/python deploy/benchmarks/many_pictures.py build/many --bundles build/sum $(BUNDLE)

soak: build/gallery.built  ## half an hour of load, good and bad: memory must stay flat
	$(BIN)/python deploy/benchmarks/soak.py --bundle $(BUNDLE) --gallery $(GALLERY) --shop $(SHOP)

poison: build/gallery.built  ## attack a served shop for some minutes: another caller's searches must not fail or wait
	$(BIN)/python deploy/benchmarks/poison.py --bundle $(BUNDLE) --gallery $(GALLERY) --shop $(SHOP)

bundles: $(VENV)/test  ## train and export the shipped bundle and InstructCIR from this repo and a sentence encoder (about two and a half hours on 2 cores)
	$(BIN)/pip install -q -c constraints.txt -e '.[sentences]'
	$(BIN)/likebut train training/configs/conv-minilm.toml --out $(RUNS)/conv-minilm
	$(BIN)/likebut export $(RUNS)/conv-minilm --compact --out $(RUNS)/conv-minilm/bundle
	$(BIN)/likebut train training/configs/two-stage-small.toml --out $(RUNS)/two-stage-small
	$(BIN)/likebut export $(RUNS)/two-stage-small --compact --out $(BUNDLES)/two-stage
	$(BIN)/likebut calibrate $(BUNDLES)/two-stage
	$(BIN)/likebut train training/configs/instruct-small.toml --out $(RUNS)/instruct-small
	$(BIN)/likebut export $(RUNS)/instruct-small --compact --out $(RUNS)/instruct-small/bundle

table: $(VENV)/test  ## train and measure every row of the table in docs/benchmarks (hours)
	$(BIN)/python -m training.ablations.runner --runs $(RUNS) --jobs 2 --write

help:  ## list the targets
	@sed -nE 's/^([a-z-]+):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name what; do printf '  make %-11s %s\n' "$$name" "$$what"; done

clean:  ## remove what the other targets made, but not runs/
	rm -rf $(VENV) build

$(VENV)/serve: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[cpu]"
	@touch $@

$(VENV)/test: $(VENV)/serve
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[cpu,train,triplets,test,dev]"
	@touch $@

# Stamps, touched when a command has ended well, so that an interrupted one is run again and goes on.
build/shop.drawn: $(VENV)/serve $(wildcard training/catalogue/*.py)
	$(BIN)/likebut catalogue $(SHOP) --split test --products 5000 --triplets 2500 --force
	@touch $@

# A gallery that was rebuilt from another source since is not undone: remove build/ for that.
build/gallery.built: build/shop.drawn $(BUNDLE)/manifest.json
	$(BIN)/likebut index build $(SHOP)/items.parquet --gallery $(GALLERY) --bundle $(BUNDLE)
	@touch $@

# A shop served by a model of the size that shops use: ViT-B/32 with random weights, since none can be shipped.
build/large.built: $(VENV)/test
	$(BIN)/python deploy/benchmarks/train/step.py training/configs/two-stage-vit-b-32.toml --batch 4 --steps 1 --device cpu --export build/large/bundle
	$(BIN)/likebut catalogue build/large/shop --split test --products 500 --triplets 500 --force
	$(BIN)/likebut index build build/large/shop/items.parquet --gallery build/large/gallery --bundle build/large/bundle
	@touch $@
