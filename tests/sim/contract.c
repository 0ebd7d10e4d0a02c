// Reads a script, plays it on a fresh cluster, and prints where the model answers otherwise than the script says.
#include "tests/sim/contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

enum { LINE_SIZE = 1200 };

static struct process script = {.name = "script", .host = HOST_RESYNC, .up = true};  // a host that no invariant knows

struct reading {
    const char *path;
    FILE *file, *out;
    int line;
    bool ahead;  // next is a line that was read already
    char next[LINE_SIZE];
    int answers, differences;
    bool over;
};

static bool read_line(struct reading *it) {
    if (it->ahead) {
        it->ahead = false;
        return true;
    }
    if (!fgets(it->next, sizeof it->next, it->file)) {
        return false;
    }
    it->next[strcspn(it->next, "\n")] = '\0';
    it->line++;
    return true;
}

static bool is_answer(const char *line) {
    return strncmp(line, "    ", 4) == 0;
}

static void differ(struct reading *it, int line, const char *step, const char *expected, const char *answer) {
    it->differences++;
    printf("%s:%d: %s\n  - %s\n  + %s\n", it->path, line, step, *expected ? expected : "(nothing)",
           *answer ? answer : "(nothing)");
}

static void play_step(struct reading *it) {
    char step[LINE_SIZE], expected[LINE_SIZE] = "", answer[ANSWER_SIZE] = "";
    int line = it->line;
    (void)text_copy(step, sizeof step, it->next);
    if (read_line(it)) {
        it->ahead = !is_answer(it->next);
        (void)text_copy(expected, sizeof expected, it->ahead ? "" : it->next + 4);
    }
    if (!contract_step(step, expected, answer)) {
        (void)text_copy(answer, sizeof answer, "there is no such step");
    }
    it->answers += *answer ? 1 : 0;
    if (it->out) {
        fprintf(it->out, "%s\n%s%s%s", step, *answer ? "    " : "", answer, *answer ? "\n" : "");
    }
    if (!text_equal(expected, answer)) {
        differ(it, line, step, expected, answer);
    }
}

static void *play_lines(void *arg) {
    struct reading *it = arg;
    while (read_line(it)) {
        if (*it->next == '\0' || *it->next == '#') {
            if (it->out) {
                fprintf(it->out, "%s\n", it->next);
            }
        } else {
            play_step(it);
        }
    }
    speakers_end();
    it->over = true;
    return NULL;
}

// Three servers, closed, not replicating; a holds the schema in three transactions, b and c hold nothing.
static void play(struct reading *it) {
    world_bare(1, NODES, 0);
    world.calm = true;
    world.settings.mode = MODE_LOSSLESS;
    node_stop_tells = true;
    (void)co_start(&script, play_lines, it);
    while (!it->over && sim_step()) {
    }
    world.calm = node_stop_tells = false;
}

bool contract_play(char **paths, int count, bool told) {
    int answers = 0, differences = 0;
    for (int i = 0; i < count; i++) {
        struct reading it = {.path = paths[i], .file = fopen(paths[i], "r"), .out = told ? stdout : NULL};
        if (!it.file) {
            fprintf(stderr, "relevo-sim: cannot read %s\n", paths[i]);
            return false;
        }
        statements_read(paths[i]);
        play(&it);
        statements_free();
        (void)fclose(it.file);
        answers += it.answers;
        differences += it.differences;
    }
    printf("contract: %d scripts, %d answers, %d of the model differ\n", count, answers, differences);
    return differences == 0 && answers > 0;
}
