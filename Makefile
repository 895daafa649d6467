# `make` lists the targets. Each is complete by itself: it sets up what it needs.

PYTHON ?= python3
# PyTorch's public index of CPU wheels, asked after the package indexes that pip is configured for.
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu
# `make demo DOCKER=no` never installs or starts an engine.
DOCKER ?= yes
WORKERS ?= 2
FUZZ_SECONDS ?= 60
export PYTHON DOCKER
export VERIFIER_EXTRA_INDEX = $(TORCH_CPU_INDEX)

VENV := .venv
RUN := $(VENV)/bin
STAMP := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup engine stop-engine demo test slow screens coverage fuzz mutants lint format docs labels cheats tried attacks \
  zoo traces bench selfcheck weakened stress images record-facts try-action port lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## install the locked dependencies into .venv

$(STAMP): requirements/host.lock pyproject.toml tools/setup.sh
	@tools/setup.sh $(VENV)
	@touch $@

engine: setup ## start a container engine, if none answers and this is root on Debian
	@$(RUN)/python tools/engine.py start

stop-engine: setup ## stop the engine that `make engine` started
	@$(RUN)/python tools/engine.py stop

demo: engine ## verify examples/baseline: a verdict and the path of its report
	@$(RUN)/verifier verify examples/baseline

test: engine ## run the tests, those in containers included
	@$(RUN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow"

slow: engine ## run what `make test` leaves out: cold image builds, the other cheats and scripts, more gVisor
	@$(RUN)/python -m pytest -m slow

screens: setup ## photograph a report and an index into out/screens: desktop, phone, print, fewer colours
	@$(RUN)/python -m pytest -m slow tests/report/test_browser.py

lint: setup ## format, lint, types, rooms
	@$(RUN)/ruff format --check .
	@$(RUN)/ruff check .
	@$(RUN)/mypy
	@$(RUN)/lint-imports --no-logo

format: setup ## let ruff format and fix
	@$(RUN)/ruff format .
	@$(RUN)/ruff check --fix .

labels: setup ## screen labelled submissions of a clone: make labels CLONE=… LABELS=…
	@$(RUN)/python tools/check_labels.py $(CLONE) $(LABELS)

docs: setup ## write the rules of screening into docs/audits.md, the probes into docs/selfcheck.md
	@$(RUN)/python tools/write_rules.py
	@$(RUN)/python tools/write_selfcheck.py

coverage: engine ## the tests again, with the branches that the deciding rooms must cover
	@$(RUN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow" --cov=verifier --cov-branch --cov-report=
	@$(RUN)/python -m coverage report --fail-under=100 --show-missing --include='verifier/audits/*,verifier/verdict.py,verifier/metric.py,verifier/ledger/*,verifier/policy/*,verifier/sampling/*,verifier/scoring/*'

fuzz: setup requirements/fuzz.in ## look for texts that break a reader (TARGETS="parse log", FUZZ_SECONDS=60 each)
	@[ -d .fuzz/atheris ] || $(RUN)/python -m pip install --quiet --disable-pip-version-check \
	  --target .fuzz --requirement requirements/fuzz.in
	@PYTHONPATH=.fuzz $(RUN)/python -m tests.fuzz $(TARGETS) --seconds $(FUZZ_SECONDS)

mutants: setup requirements/mutants.in ## small faults in what decides: who notices? (hours; resumable; ROOMS="verdict metric")
	@[ -d .mutants/lib/mutmut ] || $(RUN)/python -m pip install --quiet --disable-pip-version-check \
	  --no-deps --target .mutants/lib --requirement requirements/mutants.in
	@PYTHONPATH=.mutants/lib $(RUN)/python -m pytest -q tests/mutants
	@PYTHONPATH=.mutants/lib $(RUN)/python -m tests.mutants --workers $(WORKERS) $(ROOMS)

cheats: engine ## every cheat and every honest example, expected and got (an hour; resumable)
	@$(RUN)/python -m tests.cheats.table

tried: setup ## every cheat and every honest example as `verifier try` sees it (half an hour)
	@$(RUN)/python -m tests.cheats.tried

zoo: engine ## honest submissions under 20 nonces, batch plans and companions (an hour; resumable; ZOO=NAME)
	@$(RUN)/python -m tests.zoo.table $(ZOO)

traces: engine ## every machine with GPUs that is played or was recorded, and what is said of it
	@$(RUN)/python -m tests.gpus.table

bench: engine ## the figures of the closing table: ratios, medians of interleaved runs
	@$(RUN)/python -m tests.bench

stress: engine ## 200 boxes of each backend, ended at random moments: what is left, what has grown
	@$(RUN)/python -m tests.sandbox.stress --boxes 200

try-action: setup ## the CI action on pull requests of a clone: make try-action CLONE=… PULLS="1 2"
	@$(RUN)/python -m tests.cli.try_action "$(CLONE)" $(PULLS)

selfcheck: engine ## try to break out of every kind of box this machine has (some minutes)
	@$(RUN)/verifier selfcheck --backend all

attacks: engine ## weak cheats, forgeries, faults, hostile guests: expected and got (hours; resumable; PARTS="faults")
	@$(RUN)/python -m tests.attacks $(PARTS)

weakened: engine ## take one wall at a time away, and see which probes notice
	@$(RUN)/python -m tests.sandbox.weakened

images: engine ## build the CUDA image for real and try it (gigabytes)
	@$(RUN)/python tools/check_cuda_image.py --locked

record-facts: setup ## which facts about merged records screening reproduces: CLONE=… FACTS=…
	@$(RUN)/python tools/check_record_facts.py --clone "$(CLONE)" --facts "$(FACTS)"

port: engine ## port three merged records of a clone, and compare scores at toy scale: CLONE=…
	@$(RUN)/python -m tests.porting.check "$(CLONE)"

lock: setup ## resolve the host's dependencies anew
	@$(RUN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-annotate --group dev pyproject.toml -o requirements/host.lock

clean: ## remove what was installed and written here; the store stays
	rm -rf $(VENV) .fuzz .mutants out dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
