// How a node stands, in the words of the scripts: first what a probe sees, then what it does not look at.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "tests/contract/probed.h"
#include "tests/sim/contract.h"

struct node *node_lettered(char letter) {
    return letter >= 'a' && letter < 'a' + NODES ? &world.node[letter - 'a'] : NULL;
}

// --- GTID sets as counts, uuids as letters ---

static char letter_of(const char *uuid) {
    for (int i = 0; i < NODES; i++) {
        if (strncmp(uuid, world.node[i].uuid, strlen(world.node[i].uuid)) == 0) {
            return world.node[i].name[0];
        }
    }
    return '\0';
}

static void count_interval(void *arg, const char *uuid, const char *tag, uint64_t first, uint64_t last) {
    (void)tag;
    uint64_t *counts = arg;
    char letter = letter_of(uuid);
    if (letter) {
        counts[letter - 'a'] += last - first + 1;
    }
}

static void counts_tell(const uint64_t counts[NODES], char out[ANSWER_SIZE]) {
    *out = '\0';
    for (int i = 0; i < NODES; i++) {
        size_t used = strlen(out);
        if (counts[i]) {
            (void)text_format(out + used, ANSWER_SIZE - used, "%s%c%llu", used ? " " : "", 'a' + i,
                              (unsigned long long)counts[i]);
        }
    }
    if (*out == '\0') {
        (void)text_copy(out, ANSWER_SIZE, "-");
    }
}

void cell_tell(const char *cell, char out[ANSWER_SIZE]) {
    uint64_t counts[NODES] = {0};
    if (!cell || *cell == '\0') {
        (void)text_copy(out, ANSWER_SIZE, cell ? "-" : "NULL");
    } else if (letter_of(cell) && strlen(cell) == strlen(world.node[0].uuid)) {
        (void)text_format(out, ANSWER_SIZE, "%c", letter_of(cell));
    } else if (letter_of(cell)) {
        AUTO_GTID struct gtid_set *set = gtid_parse(cell, NULL);
        gtid_each(set, count_interval, counts);
        counts_tell(counts, out);
    } else {
        (void)text_copy(out, ANSWER_SIZE, cell);
    }
}

// --- facts ---

struct wanted {
    const char *fact;
    char *out;
    bool found;
};

static void pick(void *arg, const char *fact, const char *text) {
    struct wanted *wanted = arg;
    if (text_equal(fact, wanted->fact)) {
        wanted->found = true;
        cell_tell(text, wanted->out);
    }
}

// The clients' rows that others see.
static int rows_seen(const struct node *node) {
    int rows = 0;
    for (int u = 0; u < NODES; u++) {
        int seen = u == node->index ? node_seen(node) : node->data.executed[u];
        for (int i = 0; i < seen; i++) {
            rows += txn_at(node->data.ids[u][i])->kind == TXN_WRITE ? 1 : 0;
        }
    }
    return rows;
}

void fact_tell(const struct node *node, const char *fact, char out[ANSWER_SIZE]) {
    AUTO_OBSERVATION struct observation *it = observation_new();
    struct wanted wanted = {.fact = fact, .out = out};
    uint64_t purged[NODES] = {0};
    if (!node_serves(node)) {
        (void)text_copy(out, ANSWER_SIZE, "down");
        return;
    }
    observe_look(node, it);
    observe_rows(node, it);
    probed_each(it, pick, &wanted);
    if (wanted.found) {
        return;
    }
    if (text_equal(fact, "waiting")) {
        (void)text_copy(out, ANSWER_SIZE, probed_switch(node_seen(node) < node->data.executed[node->index]));
    } else if (text_equal(fact, "rows")) {
        (void)text_format(out, ANSWER_SIZE, "%d", rows_seen(node));
    } else if (text_equal(fact, "clients")) {
        (void)text_format(out, ANSWER_SIZE, "%d", node_listeners(node));
    } else if (text_equal(fact, "purged")) {
        for (int u = 0; u < NODES; u++) {
            purged[u] = (uint64_t)node->data.purged[u];
        }
        counts_tell(purged, out);
    } else {
        (void)text_copy(out, ANSWER_SIZE, "there is no such fact");
    }
}
