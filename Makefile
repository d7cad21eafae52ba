# `make test` sets up everything on a bare machine and runs every test; `make help` lists the rest.

SHELL := bash
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
TEST_PACKAGES := chromium:chromium softhsm2-util:softhsm2 curl:curl openssl:openssl node:nodejs npm:npm git:git cc:gcc /usr/include/openssl/ssl.h:libssl-dev /usr/lib/postgresql:postgresql redis-server:redis-server
BENCH_PACKAGES := nginx:nginx cc:gcc /usr/include/openssl/ssl.h:libssl-dev taskset:util-linux openssl:openssl

.PHONY: help setup test test-comprehensive lint format docs bench-halt bench-engines bench-activation bench-approvals bench-engine bench-schema bench-evidence bench-detection bench-genai verifiers verify-vectors demo clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 22

setup: ## the environment with all development tools
	@./run_proxy.sh setup dev

test: verifiers ## lint, then every test but the comprehensive ones
	@.ci/system-packages $(TEST_PACKAGES)
	@$(MAKE) --no-print-directory lint
	@.ci/tests

test-comprehensive: verifiers ## every test, the long ones too
	@.ci/system-packages $(TEST_PACKAGES)
	@.ci/tests -m "comprehensive or not comprehensive"

lint: setup ## ruff, mypy, import contracts, shellcheck
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports --no-cache
	.venv/bin/shellcheck run_proxy.sh .ci/run .ci/tests .ci/system-packages

format: setup ## rewrite the code as ruff wants it
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

docs: setup ## the documentation, into site/
	.venv/bin/mkdocs build --strict

verify-vectors: verifiers ## every golden vector through the Python, the Go and the TypeScript verifier
	$(PYTHON) -m vectors.run

bench-engine: setup ## throughput, latency, streams and memory against stock mitmdump (OPTIONS="--quick --peers")
	@.ci/system-packages $(BENCH_PACKAGES)
	$(PYTHON) -m bench.engine $(OPTIONS)

verifiers: setup ## build the Go and the TypeScript verifier
	@.ci/system-packages node:nodejs npm:npm
	$(PYTHON) verifiers/go/build.py
	cd verifiers/ts && npm ci --silent && npm run --silent build

bench-evidence: verifiers ## durable recording, and full verification by all three verifiers (OPTIONS="--million")
	$(PYTHON) -m bench.evidence $(OPTIONS)

bench-detection: setup ## recall and false positives by held-out sources, into docs/detection.md (OPTIONS="--print")
	$(PYTHON) -m bench.detection $(OPTIONS)

bench-genai: setup ## what judging adds to streamed answers, against the same streams asked for directly
	$(PYTHON) -m bench.genai $(OPTIONS)

bench-halt: setup ## from trigger to first refusal, on every worker of two replicas (OPTIONS="--quick")
	@.ci/system-packages redis-server:redis-server
	$(PYTHON) -m bench.halt $(OPTIONS)

bench-engines: setup ## one decision by built-in rules, Cedar, and stand-ins of OPA and OpenFGA (OPTIONS="--quick")
	$(PYTHON) -m bench.engines $(OPTIONS)

bench-activation: setup ## rows judged: batches of 100 with every limit on, two workers (OPTIONS="--quick")
	@.ci/system-packages $(BENCH_PACKAGES)
	$(PYTHON) -m bench.activation $(OPTIONS)

bench-approvals: setup ## approval certificates validated cold and cached, tokens used up (OPTIONS="--quick")
	@.ci/system-packages $(BENCH_PACKAGES)
	$(PYTHON) -m bench.approvals $(OPTIONS)

bench-schema: setup ## speed and memory of the streaming validator
	$(PYTHON) -m bench.schema $(OPTIONS)

demo: ## the whole story against a local upstream
	@./run_proxy.sh demo

clean: ## remove what was built; the data folder stays
	rm -rf .venv .tools site dist .pytest_cache .mypy_cache .ruff_cache
