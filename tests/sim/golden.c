// A story told, and held against the trace that was approved.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "tests/sim/stories.h"

enum { STATEMENTS = 17, TOLD_FROM_MS = 3900, LOSSLESS_FROM_MS = 4900 };

static uint64_t every(const struct plot *plot) {
    return (UINT64_C(1) << plot->count) - 1;
}

// False: an invariant broke.
static bool tell(FILE *out, const struct story *story) {
    bool ok = true;
    fprintf(out, "# %s\n", story->about);
    int times = story->each_statement ? STATEMENTS : 1;
    for (int i = 0; i < times; i++) {
        struct plot plot = story->plot;
        plot.alone = true;
        if (story->each_statement) {
            plot.faults[plot.count - 1].much = i + 1;
            fprintf(out, "\n# statement %d\n", i + 1);
        }
        bool later = plot.count > 0 && plot.faults[0].at_ms >= TOLD_FROM_MS;
        world.trace_from_ms = !later ? 0 : plot.lossless ? LOSSLESS_FROM_MS : TOLD_FROM_MS;  // they all begin alike
        world.calm = world.trace = true;
        world_trace_to(out);
        ok &= history_play(&plot, 1, every(&plot), 0);
        world_trace_to(NULL);
        world.calm = world.trace = false;
        world.trace_from_ms = 0;
        fprintf(out, "ends: %s\n", *world.failure ? world.failure : check_verdict());
    }
    return ok;
}

// Durations depend on every detail; the order of things is what a story tells.
static char *without_durations(const char *text) {
    char *out = mem_zero(strlen(text) * 2 + 1, 1);
    size_t used = 0;
    for (const char *at = text; *at;) {
        size_t digits = strspn(at, "0123456789");
        bool fault = strncmp(at, " FAULT ", 7) == 0 || strncmp(at, " over: ", 7) == 0;
        if (fault) {  // a plan, not a measure
            size_t line = strcspn(at, "\n");
            memcpy(out + used, at, line);
            used += line;
            at += line;
        } else if (digits && strncmp(at + digits, " ms", 3) == 0) {
            out[used++] = 'N';
            at += digits;
        } else {
            size_t step = digits ? digits : 1;
            memcpy(out + used, at, step);
            used += step;
            at += step;
        }
    }
    return out;
}

static char *told(const struct story *story, bool *ret_ok) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    *ret_ok = tell(out, story);
    (void)fclose(out);
    char *plain = without_durations(text);
    free(text);
    return plain;
}

static char *read_all(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) {
        return mem_text("");
    }
    char *text = NULL;
    size_t size = 0;
    if (getdelim(&text, &size, '\0', file) < 0) {  // to the end: a text has no NUL
        free(text);
        text = mem_text("");
    }
    (void)fclose(file);
    return text;
}

// The first line that differs.
static void point_out(const char *name, const char *had, const char *now) {
    size_t line = 1, from = 0;
    for (size_t i = 0; had[i] && had[i] == now[i]; i++) {
        if (had[i] == '\n') {
            line++;
            from = i + 1;
        }
    }
    printf("FAILED story %s, line %zu:\n  was  %.*s\n  now  %.*s\n  (the new one is right? --bless)\n", name, line,
           (int)strcspn(had + from, "\n"), had + from, (int)strcspn(now + from, "\n"), now + from);
}

static bool compare(const char *directory, const struct story *story, bool bless) {
    AUTO_TEXT char *path = mem_format("%s/%s.txt", directory, story->name);
    bool ok = false;
    AUTO_TEXT char *now = told(story, &ok);
    if (!ok) {
        printf("FAILED story %s breaks an invariant: see relevo-sim --story %s\n", story->name, story->name);
        return false;
    }
    if (bless) {
        FILE *file = fopen(path, "w");
        bool written = file && fputs(now, file) >= 0;
        return (!file || fclose(file) == 0) && written;
    }
    char *had = read_all(path);
    bool same = text_equal(had, now);
    if (!same) {
        point_out(story->name, had, now);
    }
    free(had);
    return same;
}

static const struct story_shelf *const shelves[] = {&stories_async, &stories_lossless, &stories_guards, &stories_redis};
enum { SHELVES = sizeof shelves / sizeof *shelves };

bool stories_compare(const char *directory, bool bless) {
    bool ok = true;
    size_t count = 0;
    for (size_t shelf = 0; shelf < SHELVES; shelf++) {
        for (size_t i = 0; i < shelves[shelf]->count; i++, count++) {
            ok &= compare(directory, &shelves[shelf]->stories[i], bless);
        }
    }
    printf("sim: %zu stories %s\n", count, bless ? "written" : ok ? "as they were" : "compared");
    return ok;
}

bool story_print(const char *name) {
    for (size_t shelf = 0; shelf < SHELVES; shelf++) {
        for (size_t i = 0; i < shelves[shelf]->count; i++) {
            const struct story *story = &shelves[shelf]->stories[i];
            if (text_equal(story->name, name)) {
                return tell(stdout, story);
            }
        }
    }
    printf("no such story: %s\n", name);
    return false;
}
