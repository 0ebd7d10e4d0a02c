# What a person uses. The compile rules are in build.mk, the linters in lint.mk; both run inside the workshop image.
SHELL := /bin/bash
WORKSHOP := compose/workshop.sh
JOBS ?= $(shell nproc)

.PHONY: help up down clean images logs check test test-long contract chaos histories bench-failover bench-resync
help: ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

up: ## install what is missing, build, start the cluster, wait until it replicates
	@compose/up.sh

down: ## stop the cluster; the data stay
	@compose/down.sh

clean: ## stop it and remove its data and .env (asks first; YES=1 does not ask)
	@compose/down.sh --volumes

images: ## get or build every image, start nothing
	@compose/up.sh --images

logs: ## follow the logs of all containers
	@bash -c '. compose/lib.sh && ensure_engine && compose logs -f --tail 50'

check: ## build, unit tests and linters, for the inner loop
	@$(WORKSHOP) make -s --no-print-directory -k -j$(JOBS) -O -f lint.mk check

test: ## everything, on a machine that has nothing
	@tests/run.sh

test-long: ## the tests that take too long for the above, one after the other
	@tests/run.sh --long

contract: ## the scripts of tests/contract on real servers (on the model: make check)
	@tests/run.sh tests/integration/test_contract.py

chaos: ## 100 rounds of faults of every kind under load, then proof that nothing was lost (SEED=, ROUNDS=)
	@tests/run.sh --chaos

histories: ## a million simulated histories with faults of every kind, an hour (HISTORIES="FROM COUNT")
	@$(WORKSHOP) make -s --no-print-directory -j$(JOBS) -f build.mk histories $(if $(HISTORIES),"HISTORIES=$(HISTORIES)")

bench-failover: ## kill the primary 20 times under load and print the outage that a client saw
	@tests/run.sh --bench tests/bench/failover.py

bench-resync: ## let a node die with 1,000 transactions of its own and print how long until it streams again
	@tests/run.sh --bench tests/bench/resync.py
