#include "resync/rescue.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "resync/binlog.h"
#include "resync/rescue_file.h"

enum { FETCH_WAIT_MS = 10000 };

// "2026-03-01T12:00:00.123Z" → "20260301T120000Z"
static void file_stamp(int64_t wall_ms, char out[32]) {
    char iso[32];
    clock_iso8601(wall_ms, iso);
    char *to = out;
    for (const char *c = iso; *c && *c != '.'; c++) {
        if (*c != '-' && *c != ':') {
            *to++ = *c;
        }
    }
    *to++ = 'Z';
    *to = '\0';
}

static bool rescue_failed(struct job *job, const struct err *err) {
    return job_fail(job, MSG_RESCUE_FAILED, KVS(KV("error", err->text)));
}

struct fetch {
    struct rescue_file *file;
    struct job *job;
    struct err err;
};

static bool take_event(void *arg, const unsigned char *event, size_t length_bytes) {
    struct fetch *fetch = arg;
    return job_stopped(fetch->job) == STOP_NONE && rescue_file_add(fetch->file, event, length_bytes, &fetch->err);
}

// What the primary has is excluded, so that only what diverged comes over the wire.
static bool fetch_into(struct job *job, const struct picture *picture, struct rescue_file *file) {
    AUTO_PEER struct peer source = {0};
    if (!peer_open(job, job->state.node, PEER_REBUILD, true, FETCH_WAIT_MS, &source)) {
        return false;
    }
    AUTO_TEXT char *exclude = gtid_text(picture->primary.executed);
    struct fetch fetch = {.file = file, .job = job};
    struct err err = {0};
    if (db_binlog(source.session, 0, exclude, take_event, &fetch, &err)) {
        return true;
    }
    return rescue_failed(job, fetch.err.kind != ERR_NONE ? &fetch.err : &err);
}

// The saved file holds exactly the transactions that diverged: read back from the disk, not remembered.
static bool verify(struct job *job, const struct picture *picture, const char *path, struct binlog_tally *tally) {
    struct err err = {0};
    if (!rescue_file_read(path, tally, &err)) {
        return rescue_failed(job, &err);
    }
    AUTO_GTID struct gtid_set *saved = binlog_tally_gtids(tally);
    if (!saved || !gtid_subset(saved, picture->diverged) || !gtid_subset(picture->diverged, saved)) {
        (void)err_set(&err, ERR_CONFLICT, 0, "the file holds %llu transactions instead of %llu",
                      (unsigned long long)(saved ? gtid_count(saved) : 0),
                      (unsigned long long)gtid_count(picture->diverged));
        return rescue_failed(job, &err);
    }
    return true;
}

static json_t *tables_json(const struct binlog_tally *tally) {
    const struct binlog_touched *tables = NULL;
    size_t count = binlog_tally_tables(tally, &tables);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:I, s:I, s:I, s:b}", "schema", tables[i].schema, "table", tables[i].name,
                            "inserts", (json_int_t)tables[i].inserts, "updates", (json_int_t)tables[i].updates,
                            "deletes", (json_int_t)tables[i].deletes, "approximate", tables[i].rows_unknown));
    }
    return list;
}

static char *summary_json(struct job *job, const struct picture *picture, const struct binlog_tally *tally,
                          const char *name, int64_t saved_ms) {
    uint32_t first_s = 0, last_s = 0;
    binlog_tally_times(tally, &first_s, &last_s);
    char first[32], last[32], saved[32];
    clock_iso8601((int64_t)first_s * 1000, first);
    clock_iso8601((int64_t)last_s * 1000, last);
    clock_iso8601(saved_ms, saved);
    AUTO_TEXT char *gtids = gtid_text(picture->diverged);
    json_t *root = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:I, s:s, s:s, s:s, s:I, s:I, s:o}", "file", name, "node", job->state.node,
        "server_uuid", picture->recipient.uuid, "primary", job->primary, "primary_uuid", picture->primary.uuid, "epoch",
        (json_int_t)job->state.epoch, "gtids", gtids, "transactions", (json_int_t)binlog_tally_transactions(tally),
        "first_at", first, "last_at", last, "saved_at", saved, "statements", (json_int_t)binlog_tally_statements(tally),
        "compressed_transactions", (json_int_t)binlog_tally_compressed(tally), "tables", tables_json(tally));
    char *text = json_dumps(root, JSON_INDENT(2));
    json_decref(root);
    return text;
}

static void tell(struct job *job, const struct picture *picture, const char *name) {
    uint64_t count = gtid_count(picture->diverged);
    AUTO_TEXT char *gtids = gtid_text(picture->diverged);
    pthread_mutex_lock(&job->lock);
    job->state.rescued = count;
    (void)text_copy(job->state.rescued_file, sizeof job->state.rescued_file, name);
    pthread_mutex_unlock(&job->lock);
    job_event(job, EVENT_RESCUED, SEVERITY_WARNING, 0, MSG_RESCUE_SAVED,
              KVS(KVI("count", count), KV("file", name), KV("gtids", gtids)));
    free(job->rescued_gtids);
    job->rescued_gtids = TAKE(gtids);
    (void)job_publish(job);
}

// What a predecessor that was killed left unfinished for this node.
static void remove_parts(const struct job *job) {
    DIR *dir = opendir(job->settings->rescued_dir);
    AUTO_TEXT char *prefix = mem_format(".%s-", job->state.node);
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        size_t length = strlen(entry->d_name);
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 && length > 5 &&
            strcmp(entry->d_name + length - 5, ".part") == 0) {
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

static bool save(struct job *job, const struct picture *picture) {
    int64_t now_ms = clock_wall_ms();
    char stamp[32];
    file_stamp(now_ms, stamp);
    AUTO_TEXT char *name =
        mem_format("%s-%s-%llu.binlog", job->state.node, stamp, (unsigned long long)job->state.epoch);
    AUTO_TEXT char *path = mem_format("%s/%s", job->settings->rescued_dir, name);
    AUTO_TEXT char *part = mem_format("%s/.%s.part", job->settings->rescued_dir, name);
    AUTO_TEXT char *summary_path = mem_format("%s.json", path);
    AUTO_TALLY struct binlog_tally *tally = binlog_tally_new();
    struct err err = {0};
    remove_parts(job);
    struct rescue_file *file = rescue_file_create(part, &err);
    if (!file) {
        return rescue_failed(job, &err);
    }
    bool fetched = fetch_into(job, picture, file);
    bool closed = rescue_file_close(file, &err);
    if (!fetched || !closed || !verify(job, picture, part, tally)) {
        (void)unlink(part);
        return fetched && !closed ? rescue_failed(job, &err) : false;
    }
    AUTO_TEXT char *summary = summary_json(job, picture, tally, name, now_ms);
    if (!summary || !rescue_text_write(summary_path, summary, &err) || rename(part, path) != 0 ||
        !rescue_sync_dir(job->settings->rescued_dir, &err)) {
        if (err.kind == ERR_NONE) {
            (void)err_set(&err, ERR_FAILED, errno, "%s: %s", path, strerror(errno));
        }
        return rescue_failed(job, &err);
    }
    tell(job, picture, name);
    return true;
}

bool rescue_run(struct job *job, struct peer *recipient, const struct picture *picture) {
    if (!picture->recipient.gtid_on || !picture->primary.gtid_on) {
        job_event(job, EVENT_ALARM, SEVERITY_WARNING, 0, MSG_RESCUE_UNKNOWN, KVS());
        return true;
    }
    if (gtid_empty(picture->diverged)) {
        return true;
    }
    AUTO_TEXT char *gtids = gtid_text(picture->diverged);
    if (text_equal(gtids, job->rescued_gtids)) {
        return true;  // an earlier attempt of this job saved exactly these
    }
    job_step(job, "rescue");
    AUTO_GTID struct gtid_set *lost = gtid_intersect(picture->diverged, picture->recipient.purged);
    if (!gtid_empty(lost)) {
        return job_fail(job, MSG_RESCUE_PURGED, KVS(KVI("count", gtid_count(lost))));
    }
    return job_guard(job, recipient) && save(job, picture);
}
