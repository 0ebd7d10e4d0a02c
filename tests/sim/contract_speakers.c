// Those who speak to servers: each a coroutine, for a server may let it wait while the script goes on.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "tests/sim/contract.h"
#include "tests/sim/port.h"

enum { SPEAKERS = 16 };
static const int64_t forever_ms = INT64_C(1) << 50;

struct speaker {
    char name[16];
    enum speech what;
    struct node *node;
    struct db_session *session;
    char *text;  // owned
    bool busy, told;
    char answer[ANSWER_SIZE];
};
static struct speaker speakers[SPEAKERS];
static int count;

// --- a session of the watcher ---

static void tell_rows(struct speaker *it, const struct db_rows *rows) {
    size_t used = 0;
    for (size_t column = 0; column < (size_t)rows->columns; column++) {
        char cell[ANSWER_SIZE];
        cell_tell(db_cell(rows, 0, column, NULL), cell);
        (void)text_format(it->answer + used, sizeof it->answer - used, "%s%s", used ? " | " : "", cell);
        used = strlen(it->answer);
    }
    if (used == 0) {
        (void)text_copy(it->answer, sizeof it->answer, "nothing");
    }
}

static bool connected(struct speaker *it) {
    struct err err = {0};
    if (it->session && (!db_alive(it->session) || it->session->boot != it->node->boot)) {
        db_close(it->session);
        it->session = NULL;
    }
    struct db_login login = {.address = it->node->name};
    if (!it->session && db_open(&login, forever_ms, &it->session, &err) != PROBE_OK) {
        (void)text_copy(it->answer, sizeof it->answer, "down");
        return false;
    }
    return true;
}

static void run_sql(struct speaker *it) {
    AUTO_ROWS struct db_rows *rows = NULL;
    struct err err = {0};
    if (!connected(it)) {
        return;
    }
    if (!db_query(it->session, forever_ms, it->text, &rows, &err)) {
        bool lost = db_error_is_loss(&err);
        (void)text_format(it->answer, sizeof it->answer, lost ? "lost" : "refused %d", err.number);
    } else if (strncmp(it->text, "SELECT", 6) == 0) {
        tell_rows(it, rows);
    } else if (strncmp(it->text, "INSERT", 6) == 0) {
        (void)text_format(it->answer, sizeof it->answer, "rows %llu", (unsigned long long)db_affected(it->session));
    } else {
        (void)text_copy(it->answer, sizeof it->answer, "ok");
    }
}

// --- a client ---

static const char *tell(enum told told) {
    switch (told) {
        case TOLD_REFUSED:
            return "refused 1290";
        case TOLD_LOST:
        case TOLD_NOTHING:
            return "lost";
        case TOLD_DONE:
            break;
    }
    return "acknowledged";
}

static const char *write_row(struct node *node) {
    if (net_to_node(HOST_CLIENT, node, 0, forever_ms) != TRIP_OK) {
        return "down";
    }
    return tell(client_commits(HOST_CLIENT, node, node->boot, forever_ms));
}

// A statement that takes very long: nothing but its own end ends it.
static const char *work(struct node *node) {
    if (net_to_node(HOST_CLIENT, node, 0, forever_ms) != TRIP_OK) {
        return "down";
    }
    unsigned boot = node->boot, kills = node->kills;
    node->locked_ms = forever_ms;
    while (node->boot == boot && node->kills == kills) {
        co_sleep(3);
    }
    return "lost";
}

// --- to speak and to be heard ---

static void *speak(void *arg) {
    struct speaker *it = arg;
    *it->answer = '\0';
    if (it->what == SPEECH_SQL) {
        run_sql(it);
    } else {
        const char *told = it->what == SPEECH_WRITE ? write_row(it->node) : work(it->node);
        (void)text_copy(it->answer, sizeof it->answer, told);
    }
    it->busy = false;
    co_tell(it);
    return NULL;
}

struct speaker *speaker_named(const char *name) {
    for (int i = 0; i < count; i++) {
        if (text_equal(speakers[i].name, name)) {
            return &speakers[i];
        }
    }
    if (count == SPEAKERS) {
        fputs("sim: too many sessions in a script\n", stderr);
        abort();
    }
    speakers[count] = (struct speaker){.node = node_lettered(*name)};
    (void)text_copy(speakers[count].name, sizeof speakers[count].name, name);
    return &speakers[count++];
}

uint64_t speaker_session(const struct speaker *speaker) {
    return speaker->session ? db_connection_id(speaker->session) : 0;
}

void speaker_say(struct speaker *speaker, enum speech what, struct node *node, const char *text) {
    free(speaker->text);
    speaker->text = text ? mem_text(text) : NULL;
    speaker->what = what;
    speaker->node = node;
    speaker->busy = true;
    (void)co_start(sim_process, speak, speaker);
}

void speaker_hear(struct speaker *speaker, int64_t patience_ms, char answer[ANSWER_SIZE]) {
    if (speaker->busy) {
        (void)co_wait(speaker, sim_now_ms() + patience_ms);
    }
    (void)text_copy(answer, ANSWER_SIZE, speaker->busy ? "waits" : speaker->answer);
}

// What still waits is forgotten with the world.
void speakers_end(void) {
    for (int i = 0; i < count; i++) {
        if (!speakers[i].busy) {
            db_close(speakers[i].session);
            free(speakers[i].text);
        }
    }
    count = 0;
}
