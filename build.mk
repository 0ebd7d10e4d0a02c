# Compiles Relevo. Used inside the workshop image and inside the services' image build; `make help` lists what a person
# uses. One build directory per variant: build/release, build/debug, build/asan, build/tsan.
#
#     make -f build.mk services            the three programs
#     make -f build.mk VARIANT=asan unit   unit tests, sanitized

VARIANT ?= release
OUT := build/$(VARIANT)
CC ?= gcc

# Pure modules: no I/O, no clock, no threads. Unit tests link with these, jansson, zlib and zstd only, so that stray I/O
# in them is a link error.
PURE := $(addprefix common/,text mem err backoff keys gtid gtid_algebra node stamp messages log_line address settings settings_nodes settings_value doc state state_fields event \
            command session_pins) \
        $(addprefix watcher/,assess assess_memory assess_node assess_rows assess_sync lease needs observation policy record replay written) \
        $(addprefix resync/,plan ranges binlog binlog_rows binlog_payload binlog_tally idle whose undo undo_write ddl ddl_table rowtext) \
        $(addprefix dashboard/,api api_actions api_cluster api_events api_probes api_query api_reply api_verdict api_ways auth gate retell tries) \
        dashboard/snapshot
EDGE := $(addprefix common/,clock event_row follow log logship lookup loop start mysql_real mysql_real_open mysql_real_bulk store_link store_real store_lease store_listen)
EDGE := $(foreach m,$(EDGE),$(if $(wildcard $(m).c),$(m)))
WATCHER := $(filter-out $(PURE),$(patsubst %.c,%,$(wildcard watcher/*.c)))
RESYNC := $(filter-out $(PURE),$(patsubst %.c,%,$(wildcard resync/*.c)))
DASHBOARD := $(filter-out $(PURE),$(patsubst %.c,%,$(wildcard dashboard/*.c)))
UNIT_TESTS := $(patsubst %.c,%,$(wildcard tests/unit/test_*.c))
EDGE_TESTS := $(patsubst %.c,%,$(wildcard tests/unit_edge/test_*.c))
FUZZ_TARGETS := $(patsubst %.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 10
PURE := $(foreach m,$(PURE),$(if $(wildcard $(m).c),$(m)))

CFLAGS_COMMON := -std=gnu17 -I. -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion -Wswitch-enum -Wvla -Wformat=2 \
    -Wstrict-prototypes -Wmissing-prototypes -Werror -fno-common -pthread \
    -fstack-protector-strong -fPIE -MMD -MP
HARDEN := -D_FORTIFY_SOURCE=3 -fstack-clash-protection $(if $(findstring x86,$(shell $(CC) -dumpmachine)),-fcf-protection)
CFLAGS_release := -O2 -g $(HARDEN)
CFLAGS_debug := -O0 -g
CFLAGS_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -Wno-error
CFLAGS_tsan := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
TUNE := -O3 -g -flto=auto -fprofile-update=atomic -fprofile-dir=$(CURDIR)/build/tuned/profile -w
CFLAGS_learn := $(TUNE) -fprofile-generate
CFLAGS_tuned := $(TUNE) -fprofile-use -fprofile-partial-training
LDFLAGS_COMMON := -pie -pthread -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
LDFLAGS_asan := -fsanitize=address,undefined
LDFLAGS_fuzz := -fsanitize=fuzzer,address,undefined
LDFLAGS_tsan := -fsanitize=thread
LDFLAGS_learn := $(CFLAGS_learn)
LDFLAGS_tuned := $(CFLAGS_tuned)

CFLAGS := $(CFLAGS_COMMON) $(CFLAGS_$(VARIANT)) $(EXTRA_CFLAGS)
LDFLAGS := $(LDFLAGS_COMMON) $(LDFLAGS_$(VARIANT))
# Third-party headers are not held to our warnings.
MYSQL_CFLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags mysqlclient 2>/dev/null || mysql_config --cflags))

LIBS_PURE := -ljansson -lz -lzstd
LIBS_EDGE := -lmysqlclient -lhiredis -levent -levent_pthreads
LIBS_HTTP := -levhtp -lssl -lcrypto -levent_openssl

objects = $(addprefix $(OUT)/,$(addsuffix .o,$(1)))

.PHONY: services unit fuzz fuzz-run pure-includes mutants act-mutants rules-doc clean-build
services: $(OUT)/bin/watcher $(OUT)/bin/resync $(OUT)/bin/dashboard

$(OUT)/bin/watcher: $(call objects,$(PURE) $(EDGE) $(WATCHER))
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_EDGE) $(LIBS_PURE)
$(OUT)/bin/resync: $(call objects,$(PURE) $(EDGE) $(RESYNC))
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_EDGE) $(LIBS_PURE)
# It talks to neither MySQL nor, but for feed.c, Redis: without their libraries it stays small.
$(OUT)/bin/dashboard: $(call objects,$(PURE) $(filter-out $(addprefix common/,event_row follow logship lookup mysql% store%),$(EDGE)) $(DASHBOARD))
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_HTTP) $(LIBS_EDGE) $(LIBS_PURE)

$(OUT)/libpure.a: $(call objects,$(PURE))
	@rm -f $@
	@ar rcs $@ $^

$(OUT)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(MYSQL_CFLAGS) -c -o $@ $<

$(OUT)/tests/unit/%: tests/unit/%.c $(OUT)/libpure.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(OUT)/libpure.a -lcmocka $(LIBS_PURE)

# It says itself whether the actor is busy.
$(OUT)/tests/unit/test_flags: tests/unit/test_flags.c $(call objects,watcher/flags) $(OUT)/libpure.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.c %.o %.a,$^) -lcmocka $(LIBS_PURE)

# Programs that tests drive: the adapters against real servers.
$(OUT)/tests/integration/%: tests/integration/%.c $(call objects,$(PURE) $(EDGE) watcher/probe)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.c %.o,$^) $(LIBS_EDGE) $(LIBS_PURE)

# Unit tests of what is not pure but needs no server: log, loop, lookup, start, resolve.
$(OUT)/tests/unit_edge/%: tests/unit_edge/%.c $(call objects,$(addprefix common/,clock log lookup loop start) watcher/resolve) $(OUT)/libpure.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.c %.o %.a,$^) -lcmocka -levent $(LIBS_PURE)

# It brings a MySQL port of its own.
$(OUT)/tests/unit_edge/test_probe: tests/unit_edge/test_probe.c $(call objects,watcher/probe common/clock) $(OUT)/libpure.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.c %.o %.a,$^) -lcmocka $(LIBS_PURE)

# So does this one, and a clock.
$(OUT)/tests/unit_edge/test_sessions: tests/unit_edge/test_sessions.c $(call objects,watcher/sessions) $(OUT)/libpure.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.c %.o %.a,$^) -lcmocka $(LIBS_PURE)

# And this one.
$(OUT)/tests/unit_edge/test_journal: tests/unit_edge/test_journal.c $(call objects,watcher/journal) $(OUT)/libpure.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.c %.o %.a,$^) -lcmocka $(LIBS_PURE)

# And this one: what a server answers.
$(OUT)/tests/unit_edge/test_event_writer: tests/unit_edge/test_event_writer.c $(call objects,watcher/event_writer) $(OUT)/libpure.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.c %.o %.a,$^) -lcmocka $(LIBS_PURE)

# And this one: a state hash.
$(OUT)/tests/unit_edge/test_jobs: tests/unit_edge/test_jobs.c $(call objects,watcher/jobs $(addprefix common/,clock log)) $(OUT)/libpure.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.c %.o %.a,$^) -lcmocka $(LIBS_PURE)

# And this one: a store, and the work of a job.
$(OUT)/tests/unit_edge/test_queue: tests/unit_edge/test_queue.c $(call objects,$(addprefix resync/,job queue worker) $(addprefix common/,clock log)) $(OUT)/libpure.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.c %.o %.a,$^) -lcmocka $(LIBS_PURE)

# Each test program prints cmocka's own lines; the first failure stops the run.
unit: $(addprefix $(OUT)/,$(UNIT_TESTS) $(EDGE_TESTS))
	@set -e; for t in $^; do echo "== $${t##*/}"; $$t; done

# The simulation: the watcher as it ships, its threads and clocks made virtual by shim.h, over a model of everything else.
# The model and the files of the watcher are compiled apart from the services' objects.
SIM_SEEDS ?= 1 3000
SIM_SECONDS ?= 25
SIM_REAL := common/event_row common/follow $(filter-out $(addprefix watcher/,observe probe resolve inbox inspect watcher_main),$(WATCHER))
SIM_MODEL := $(patsubst %.c,%,$(wildcard tests/sim/*.c))
SIM_OBJECTS := $(patsubst %,$(OUT)/sim/%.o,$(SIM_REAL) $(SIM_MODEL))
$(OUT)/sim/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(if $(filter-out watcher/recorder,$(filter $(SIM_REAL),$*)),-include tests/sim/shim.h) -c -o $@ $<
$(OUT)/bin/relevo-sim: $(SIM_OBJECTS) $(OUT)/libpure.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_PURE)
.PHONY: sim contract
# The model held to the scripts that real servers are held to by tests/integration/test_contract.py.
contract: $(OUT)/bin/relevo-sim
	@$< --contract $(wildcard tests/contract/*.txt)
sim: contract
	@$(OUT)/bin/relevo-sim --stories tests/sim/golden
	@$(OUT)/bin/relevo-sim --seeds $(SIM_SEEDS) --seconds $(SIM_SECONDS)

# A release run. The compiler learns from the first few hundred (TUNE above), which saves a quarter of the time.
HISTORIES ?= 1 1000000
.PHONY: histories
histories:
	@rm -rf build/tuned
	+@$(MAKE) -s --no-print-directory -f build.mk VARIANT=learn OUT=build/tuned build/tuned/bin/relevo-sim
	@build/tuned/bin/relevo-sim --seeds 1 300 >/dev/null
	@ls build/tuned/profile >/dev/null  # without that nothing was learned
	@find build/tuned -name '*.o' -delete; rm build/tuned/bin/relevo-sim build/tuned/libpure.a
	+@$(MAKE) -s --no-print-directory -f build.mk VARIANT=tuned OUT=build/tuned build/tuned/bin/relevo-sim
	@build/tuned/bin/relevo-sim --seeds $(HISTORIES)

$(OUT)/tests/fuzz/%: tests/fuzz/%.c $(OUT)/libpure.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(OUT)/libpure.a $(LIBS_PURE)

# FUZZ_SECONDS for each target, from the seeds in tests/fuzz/seeds; what is found on the way stays in $(OUT).
fuzz:
	+@$(MAKE) --no-print-directory -f build.mk VARIANT=fuzz OUT=$(OUT)-fuzz CC=clang fuzz-run
fuzz-run: $(addprefix $(OUT)/,$(FUZZ_TARGETS))
	@set -e; for t in $^; do name=$${t##*/fuzz_}; mkdir -p $(OUT)/corpus/$$name; \
	    $$t -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -verbosity=0 -print_final_stats=1 -artifact_prefix=$(OUT)/$$name- \
	        $(OUT)/corpus/$$name $$(ls -d tests/fuzz/seeds/$$name 2>/dev/null) >$(OUT)/$$name.log 2>&1 || { tail -60 $(OUT)/$$name.log; exit 1; }; \
	    echo "fuzz $$name: $$(sed -n 's/^stat::number_of_executed_units: *//p' $(OUT)/$$name.log) inputs, nothing found"; done

# A pure module that includes a header of the outside world has stopped being one. stamp.c has <time.h> for the calendar.
pure-includes:
	@! grep -nE '^ *# *include *[<"](mysql|hiredis|evhtp|event2/|event\.h>|time\.h|sys/time|sys/socket|pthread|poll)' \
	    $(addsuffix .c,$(filter-out common/stamp,$(PURE))) $(wildcard $(addsuffix .h,$(PURE))) || { echo "a pure module does I/O: see above"; false; }

# The rules in watcher/README.md; test_rules_doc fails when they are not those of policy.c.
rules-doc: $(OUT)/tests/unit/test_rules_doc
	$< --write

# Takes each safety rule away in turn: some test must fail.
mutants: $(OUT)/libpure.a
	OUT=$(OUT) CC=$(CC) CFLAGS='$(filter-out -MMD -MP,$(CFLAGS_COMMON)) -O1' tests/mutate_rules.py
# The same for what the actions make sure of, by the simulation.
act-mutants: $(OUT)/bin/relevo-sim
	OUT=$(OUT) CC=$(CC) CFLAGS='$(filter-out -MMD -MP,$(CFLAGS)) $(LDFLAGS)' LIBS='$(LIBS_PURE)' SIM_OBJECTS='$(SIM_OBJECTS)' tests/mutate_acts.py

clean-build:
	rm -rf build

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
