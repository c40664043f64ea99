# Natrix: `make help` lists what there is. Every target installs what it needs from Debian 12's
# packages (scripts/install-deps; a second run costs nothing).

SHELL := /bin/bash
JOBS  ?= $(shell nproc)
BUILD := build

.DEFAULT_GOAL := build
.PHONY: help deps configure build up down test e2e e2e-kube bench bench-operator image format check manifests tidy fuzz clean distclean

help: ## this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps:
	@scripts/install-deps build

configure: deps
	@[ -f $(BUILD)/build.ninja ] || cmake --preset release

build: configure ## natrix-broker, natrix-operator and nats-server (the same broker) into build/bin
	ninja -C $(BUILD) -j $(JOBS) natrix-broker natrix-operator
	@ln -sf natrix-broker $(BUILD)/bin/nats-server

up: build ## a cluster of three brokers on this machine, made by the operator
	@scripts/install-deps up
	@scripts/up start

down: ## stop what `make up` started
	@scripts/up stop

test: ## everything: unit, fuzz corpus, integration, checks, sanitizers
	@scripts/install-deps build test rootfs clients
	@scripts/run-tests all

e2e: build ## the delivered whole, as its users run it, here and on a real Kubernetes
	@scripts/install-deps build test clients up kube
	@scripts/run-tests e2e

e2e-kube: build ## the operator on a real Kubernetes: kind, a context of yours, or one built here
	@scripts/install-deps build test clients kube
	@scripts/run-tests e2e-kube

bench: deps ## compare with nats-server on this machine (bench/README.md)
	@scripts/install-deps clients
	@bench/run

bench-operator: configure ## what the operator costs, against its limits (docs/performance.md)
	ninja -C $(BUILD) -j $(JOBS) natrix-operator operator-bench
	$(BUILD)/bin/operator-bench --operator $(BUILD)/bin/natrix-operator --check

image: ## container images natrix-broker and natrix-operator
	@scripts/install-deps image
	@scripts/build-images

format: ## rewrite all sources with clang-format
	@scripts/install-deps test
	@scripts/check_tree --fix-format

check: ## layering, sizes, format
	@scripts/install-deps test
	@scripts/check_tree

manifests: configure ## write CRD, RBAC and the chart's schema anew from the operator's code
	@scripts/install-deps test
	ninja -C $(BUILD) -j $(JOBS) manifests
	@$$(scripts/venv) scripts/chart-files

tidy: configure ## clang-tidy over all sources (slow)
	@scripts/install-deps lint
	@scripts/tidy

fuzz: ## build the fuzzers with clang and run each for FUZZ_SECONDS (default 60)
	@scripts/install-deps build lint
	@scripts/fuzz

clean: ## remove build/
	rm -rf $(BUILD)

distclean: clean ## remove build/ and the caches of the test tool chains as well
	rm -rf .cache
