# `make check` inside the workshop: what compiles is linted, once per change, so the inner loop stays short.
VARIANT := debug
include build.mk

LINT := build/lint
SOURCES := $(wildcard common/*.c watcher/*.c resync/*.c dashboard/*.c)
SCRIPTS := $(shell grep -rlE '^\#!/bin/(ba)?sh|^\# shellcheck shell' compose tests/*.sh .ci 2>/dev/null)

.PHONY: check tidy cppcheck scripts docs simulation cases
check: services unit tidy cppcheck scripts docs pure-includes simulation cases
	@echo "check: build, unit tests and linters passed"

# An object newer than its stamp was compiled again, because it or a header of it changed.
tidy: $(SOURCES:%.c=$(LINT)/%.tidy)
$(LINT)/%.tidy: $(OUT)/%.o .clang-tidy
	@mkdir -p $(@D)
	@clang-tidy --quiet $*.c -- $(filter-out -Werror -MMD -MP,$(CFLAGS_COMMON)) $(MYSQL_CFLAGS) >$@.log 2>&1 || { grep -v 'warnings generated' $@.log; exit 1; }
	@mv $@.log $@

cppcheck:
	@mkdir -p $(LINT)/cppcheck
	@cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	    --cppcheck-build-dir=$(LINT)/cppcheck --suppress=missingIncludeSystem -I. -D__GNUC__ \
	    --include=$(firstword $(wildcard /usr/include/*/sys/queue.h)) $(SOURCES)

# Optimized, whatever the rest is built as: it plays for as long as SIM_SECONDS allow.
simulation:
	+@$(MAKE) --no-print-directory -f build.mk VARIANT=release OUT=build/release sim

# Recorded incidents, through the decision code as it is now.
cases: services
	@tests/replay_cases.sh $(OUT)/bin/watcher

docs:
	@tests/check_docs.py
	@tests/check_contract.py
	@tests/mutate_rules.py --guards
	@tests/mutate_acts.py --guards

scripts:
	@if command -v shellcheck >/dev/null; then shellcheck -x $(SCRIPTS); fi
