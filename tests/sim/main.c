// relevo-sim: plays histories of a cluster under faults and checks the invariants. See README.md.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/text.h"
#include "tests/sim/contract.h"
#include "tests/sim/faults.h"
#include "tests/sim/history.h"
#include "tests/sim/stories.h"

static const uint64_t every_fault = UINT64_MAX;

static bool play(uint64_t seed, uint64_t kept, uint64_t most) {
    struct plot plot = plot_draw(seed);
    return history_play(&plot, seed, kept, most);
}

// Leaves out one fault after the other as long as it still fails.
static uint64_t shrink(uint64_t seed) {
    struct plot plot = plot_draw(seed);
    uint64_t kept = plot.count >= 64 ? every_fault : (UINT64_C(1) << plot.count) - 1;
    for (bool smaller = true; smaller;) {
        smaller = false;
        for (int i = plot.count - 1; i >= 0; i--) {
            uint64_t without = kept & ~(UINT64_C(1) << i);
            if (without != kept && !play(seed, without, 0)) {
                kept = without;
                smaller = true;
            }
        }
    }
    return kept;
}

static void report(uint64_t seed) {
    world.trace = false;
    uint64_t kept = shrink(seed);
    (void)play(seed, kept, 0);
    printf("FAILED seed %llu: %s\n  faults left:\n", (unsigned long long)seed, world.failure);
    struct plot plot = plot_draw(seed);
    for (int i = 0; i < plot.count; i++) {
        char text[120];
        fault_describe(&plot.faults[i], text, sizeof text);
        if (kept >> i & 1) {
            printf("    %2d at %lld ms: %s\n", i, (long long)plot.faults[i].at_ms, text);
        }
    }
    printf("  replay: relevo-sim --seed %llu --faults %llx --steps %llu --trace\n", (unsigned long long)seed,
           (unsigned long long)kept, (unsigned long long)sim_steps());
    fflush(stdout);
}

// --- many histories, on all processors ---

struct tally {
    volatile uint64_t at[64];  // the seed that each worker plays: a crash names it
    volatile uint64_t played, failed, steps, virtual_ms, rescued, halted;
};

struct range {
    uint64_t from, count, seconds;  // seconds 0: however long it takes
    bool endings;
};

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// A release run takes an hour: once a minute, how far it is.
static void say_progress(const struct tally *tally, const struct range *range, double began_s, double *said_s) {
    double now = now_s();
    if (now - *said_s < 60) {
        return;
    }
    *said_s = now;
    double rate = (double)tally->played / (now - began_s);
    printf("sim: %llu of %llu histories, %llu failed; %.0f a second, %.0f minutes left\n",
           (unsigned long long)tally->played, (unsigned long long)range->count, (unsigned long long)tally->failed, rate,
           (double)(range->count - tally->played) / rate / 60);
    (void)fflush(stdout);
}

static int sweep_part(struct tally *tally, unsigned part, unsigned parts, const struct range *range) {
    double began_s = now_s(), said_s = began_s;
    double until_s = range->seconds ? began_s + (double)range->seconds : 1e18;
    for (uint64_t i = part; i < range->count && tally->failed < 5 && now_s() < until_s; i += parts) {
        uint64_t seed = range->from + i;
        tally->at[part] = seed;
        bool ok = play(seed, every_fault, 0);
        (void)__sync_fetch_and_add(&tally->played, 1);
        (void)__sync_fetch_and_add(&tally->steps, sim_steps());
        (void)__sync_fetch_and_add(&tally->virtual_ms, (uint64_t)sim_now_ms());
        (void)__sync_fetch_and_add(&tally->rescued, world.rescued);
        (void)__sync_fetch_and_add(&tally->halted, ok && !text_equal(check_verdict(), "converged") ? 1 : 0);
        if (ok && range->endings && !text_equal(check_verdict(), "converged")) {
            printf("seed %llu ends in %s\n", (unsigned long long)seed, check_verdict());
        }
        if (!ok) {
            (void)__sync_fetch_and_add(&tally->failed, 1);
            report(seed);
        }
        if (part == 0) {
            say_progress(tally, range, began_s, &said_s);
        }
    }
    return tally->failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static bool sweep(const struct range *range) {
    struct tally *tally = mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned parts = processors < 1 ? 1 : processors > 64 ? 64 : (unsigned)processors;
    double began_s = now_s();
    fflush(stdout);
    for (unsigned part = 0; part < parts; part++) {
        if (fork() == 0) {
            exit(sweep_part(tally, part, parts, range));
        }
    }
    bool ok = true;
    for (unsigned i = 0; i < parts; i++) {
        int status = 0;
        (void)wait(&status);
        if (WIFSIGNALED(status)) {
            ok = false;
            printf("FAILED: a worker died of signal %d; the seeds being played:", WTERMSIG(status));
            for (unsigned part = 0; part < parts; part++) {
                printf(" %llu", (unsigned long long)tally->at[part]);
            }
            printf("\n");
        }
    }
    double seconds = now_s() - began_s;
    printf(
        "sim: %llu histories, %llu failed; %.0f a second, %.1f hours of cluster life, %llu steps, %llu transactions "
        "rescued, %llu ended waiting for a person\n",
        (unsigned long long)tally->played, (unsigned long long)tally->failed, (double)tally->played / seconds,
        (double)tally->virtual_ms / 3600000, (unsigned long long)tally->steps, (unsigned long long)tally->rescued,
        (unsigned long long)tally->halted);
    return ok && tally->failed == 0;
}

static const char usage[] =
    "relevo-sim --seeds FROM COUNT [--seconds S] [--endings] [--stop-tells]   play many histories\n"
    "relevo-sim --seed N [--faults HEX] [--steps M] [--trace]   play one\n"
    "relevo-sim --stories DIR [--bless]          compare the well-known stories with their golden traces\n"
    "relevo-sim --story NAME                     print one\n"
    "relevo-sim [--trace] --contract FILE...     hold the model to scripts of tests/contract\n"
    "    --record FILE   with --seed or --story: what the first watcher saw, for watcher --replay\n";

static bool number(const char *text, int base, uint64_t *ret) {
    char *end = NULL;
    errno = 0;
    *ret = strtoull(text, &end, base);
    return errno == 0 && end != text && *end == '\0';
}

struct options {
    struct range range;
    uint64_t seed, kept, steps;
    const char *stories, *story;
    char **contract;  // the scripts, up to the end of argv
    bool one, many, bless;
};

// An option without a value.
static bool take_word(struct options *options, const char *option) {
    struct {
        const char *name;
        bool *flag;
    } const words[] = {{"--trace", &world.trace},
                       {"--bless", &options->bless},
                       {"--stop-tells", &node_stop_tells},
                       {"--endings", &options->range.endings}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (text_equal(option, words[i].name)) {
            return *words[i].flag = true;
        }
    }
    return false;
}

// An option with one value.
static bool take_value(struct options *options, const char *option, const char *value) {
    if (text_equal(option, "--seed")) {
        return options->one = number(value, 10, &options->seed);
    }
    if (text_equal(option, "--faults")) {
        return number(value, 16, &options->kept);
    }
    if (text_equal(option, "--steps")) {
        return number(value, 10, &options->steps);
    }
    if (text_equal(option, "--seconds")) {
        return number(value, 10, &options->range.seconds);
    }
    if (text_equal(option, "--record")) {
        services_record = value;
        (void)remove(value);  // lives are added to it
        return true;
    }
    const char **slot = text_equal(option, "--stories") ? &options->stories
                        : text_equal(option, "--story") ? &options->story
                                                        : NULL;
    if (slot) {
        *slot = value;
    }
    return slot != NULL;
}

static bool take_options(struct options *options, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        int left = argc - i - 1;
        if (text_equal(argv[i], "--contract") && left >= 1) {
            options->contract = argv + i + 1;
            return true;
        }
        if (text_equal(argv[i], "--seeds") && left >= 2 && number(argv[i + 1], 10, &options->range.from) &&
            number(argv[i + 2], 10, &options->range.count)) {
            options->many = true;
            i += 2;
        } else if (left >= 1 && take_value(options, argv[i], argv[i + 1])) {
            i++;
        } else if (!take_word(options, argv[i])) {
            return false;
        }
    }
    return options->one || options->many || options->stories || options->story;
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);  // workers share it
    struct options options = {.kept = every_fault};
    if (!take_options(&options, argc, argv)) {
        fputs(usage, stderr);
        return 64;
    }
    bool ok;
    if (options.contract) {
        bool told = world.trace;
        world.trace = false;
        ok = contract_play(options.contract, (int)(argv + argc - options.contract), told);
    } else if (options.stories) {
        ok = stories_compare(options.stories, options.bless);
    } else if (options.story) {
        ok = story_print(options.story);
    } else if (options.many) {
        ok = sweep(&options.range);
    } else {
        ok = play(options.seed, options.kept, options.steps);
        printf("seed %llu: %s\n", (unsigned long long)options.seed, ok ? check_verdict() : world.failure);
    }
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
