// The steps of the scripts.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "tests/sim/contract.h"

// An answer is waited for, unless the script says that none comes.
enum { PATIENCE_MS = 20000, WAITS_MS = 500, LOOK_MS = 10 };

static int64_t patience(const char *expected) {
    return text_equal(expected, "waits") ? WAITS_MS : PATIENCE_MS;
}

// --- sessions and clients ---

static bool say_sql(const char *name, const char *text, const char *expected, char answer[ANSWER_SIZE]) {
    struct speaker *speaker = speaker_named(name);
    AUTO_TEXT char *sql = statement_expand(text);
    if (!sql) {
        return false;
    }
    speaker_say(speaker, SPEECH_SQL, node_lettered(*name), sql);
    speaker_hear(speaker, patience(expected), answer);
    return true;
}

// "a: SQL", "a2: SQL"
static bool step_sql(const char *step, const char *expected, char answer[ANSWER_SIZE]) {
    char name[4];
    size_t length = strcspn(step, ":");
    bool named = node_lettered(*step) && (length == 1 || (length == 2 && isdigit((unsigned char)step[1])));
    if (!named || strncmp(step + length, ": ", 2) != 0) {
        return false;
    }
    (void)text_format(name, sizeof name, "%.*s", (int)length, step);
    return say_sql(name, step + length + 2, expected, answer);
}

// "client 1 writes to a", "client 1 works on a", "client 1 hears", "a2 hears"
static bool step_speaker(const char *step, const char *expected, char answer[ANSWER_SIZE]) {
    char name[16], verb[12] = "", to[4] = "";
    char letter = '\0', digit = '\0';
    if (sscanf(step, "client %c %11s %3s %c", &digit, verb, to, &letter) >= 2 && isdigit((unsigned char)digit)) {
        (void)text_format(name, sizeof name, "client %c", digit);
    } else if (sscanf(step, "%3s %11s", name, verb) != 2 || !node_lettered(*name) || !text_equal(verb, "hears")) {
        return false;
    }
    struct speaker *speaker = speaker_named(name);
    struct node *node = node_lettered(letter);
    bool writes = text_equal(verb, "writes") && text_equal(to, "to");
    bool works = text_equal(verb, "works") && text_equal(to, "on");
    if (node && (writes || works)) {
        speaker_say(speaker, writes ? SPEECH_WRITE : SPEECH_WORK, node, NULL);
    } else if (!text_equal(verb, "hears")) {
        return false;
    }
    speaker_hear(speaker, patience(expected), answer);
    return true;
}

// --- how a node stands ---

// "show a: read_only receiver": "read_only ON, receiver OFF"
static bool step_show(const char *step, char answer[ANSWER_SIZE]) {
    const struct node *node = node_lettered(step[5]);
    if (strncmp(step, "show ", 5) != 0 || !node || step[6] != ':') {
        return false;
    }
    char facts[ANSWER_SIZE], *rest = facts;
    (void)text_copy(facts, sizeof facts, step + 7);
    for (char *fact = strtok_r(facts, " ", &rest); fact; fact = strtok_r(NULL, " ", &rest)) {
        char text[ANSWER_SIZE];
        size_t used = strlen(answer);
        fact_tell(node, fact, text);
        (void)text_format(answer + used, ANSWER_SIZE - used, "%s%s %s", used ? ", " : "", fact, text);
    }
    return true;
}

static void await(const struct node *node, const char *fact, const char *value, char answer[ANSWER_SIZE]) {
    char found[ANSWER_SIZE] = "";
    for (int64_t until_ms = sim_now_ms() + PATIENCE_MS; sim_now_ms() < until_ms; co_sleep(LOOK_MS)) {
        fact_tell(node, fact, found);
        if (text_equal(found, value)) {
            return;
        }
    }
    (void)text_format(answer, ANSWER_SIZE, "never: %s %s", fact, found);
}

// "until b received a5"
static bool step_until(const char *step, char answer[ANSWER_SIZE]) {
    char letter = '\0', fact[32];
    int end = 0;
    if (sscanf(step, "until %c %31s %n", &letter, fact, &end) < 2 || end == 0 || !node_lettered(letter)) {
        return false;
    }
    await(node_lettered(letter), fact, step + end, answer);
    return true;
}

// --- what happens to a node ---

static void until_power(const struct node *node, enum power power) {
    while (node->power != power) {
        co_sleep(LOOK_MS);
    }
}

static void do_start(struct node *node) {
    node_boot(node, 200);
    until_power(node, POWER_ON);
}

static void do_stop(struct node *node) {
    node_close(node, 300);
    until_power(node, POWER_OFF);
}

static void do_freeze(struct node *node) {
    node_freeze(node, INT64_C(1) << 50);
}

static void do_thaw(struct node *node) {
    node_freeze(node, 0);
}

static void do_hold(struct node *node) {
    node->held = true;
}

static void do_release(struct node *node) {
    node->held = false;
    repl_step(node);
}

// A row that its source's next row collides with.
static void do_spoil(struct node *node) {
    node->repl.applier_errno = 1062;
}

static void do_open(struct node *node) {
    char answer[ANSWER_SIZE];
    (void)say_sql(node->name, "SET GLOBAL super_read_only = OFF", "", answer);
    (void)say_sql(node->name, "SET GLOBAL read_only = OFF", "", answer);
}

static bool step_node(const char *step) {
    static const struct {
        const char *verb;
        void (*run)(struct node *node);
    } verbs[] = {{"kill", node_die},    {"start", do_start}, {"stop", do_stop},       {"freeze", do_freeze},
                 {"thaw", do_thaw},     {"hold", do_hold},   {"release", do_release}, {"spoil", do_spoil},
                 {"purge", node_purge}, {"open", do_open}};
    char verb[12], letter = '\0', more = '\0';
    if (sscanf(step, "%11s %c%c", verb, &letter, &more) != 2 || !node_lettered(letter)) {
        return false;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (text_equal(verbs[i].verb, verb)) {
            verbs[i].run(node_lettered(letter));
            return true;
        }
    }
    return false;
}

// "end sessions on a": as step_end_sessions() does
static bool step_end(const char *step) {
    char letter = '\0', answer[ANSWER_SIZE];
    if (sscanf(step, "end sessions on %c", &letter) != 1 || !node_lettered(letter)) {
        return false;
    }
    char name[4] = {letter, '9', '\0'};
    (void)say_sql(name, "[blockers]", "", answer);
    if (!text_equal(answer, "nothing")) {
        AUTO_TEXT char *kill = mem_format("KILL %s", answer);
        (void)say_sql(name, kill, "", answer);
    }
    return true;
}

// "stream b from a": it follows, starts, and is level
static bool step_stream(const char *step, char answer[ANSWER_SIZE]) {
    char letter = '\0', source = '\0', executed[ANSWER_SIZE];
    if (sscanf(step, "stream %c from %c", &letter, &source) != 2 || !node_lettered(letter) || !node_lettered(source)) {
        return false;
    }
    char name[2] = {letter, '\0'};
    AUTO_TEXT char *follow = mem_format("[follow %c]", source);
    (void)say_sql(name, follow, "", answer);
    (void)say_sql(name, "START REPLICA", "", answer);
    *answer = '\0';
    fact_tell(node_lettered(source), "executed", executed);
    await(node_lettered(letter), "executed", executed, answer);
    return true;
}

// "copy b to a": a holds what b holds, and no binlog, as after a clone
static bool step_copy(const char *step) {
    char from = '\0', to = '\0';
    if (sscanf(step, "copy %c to %c", &from, &to) != 2 || !node_lettered(from) || !node_lettered(to)) {
        return false;
    }
    data_copy(&node_lettered(to)->data, &node_lettered(from)->data);
    node_rows(node_lettered(to));
    return true;
}

bool contract_step(const char *step, const char *expected, char answer[ANSWER_SIZE]) {
    return step_sql(step, expected, answer) || step_speaker(step, expected, answer) || step_show(step, answer) ||
           step_until(step, answer) || step_end(step) || step_stream(step, answer) || step_copy(step) ||
           step_node(step);
}
