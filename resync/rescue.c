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
#include "resync/rescue_parts.h"

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

bool rescue_failed(struct job *job, const struct err *err) {
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

// What one rescue found, and where it is.
struct found {
    const struct picture *picture;
    char *name, *path;  // of the file for people
    char *all, *part;   // of everything, while the job lasts; of the file for people while it is written
    struct rescue_sum sorted, kept;
    struct gtid_set *left_out;  // NULL: the file for people holds everything
};

static void found_done(struct found *found) {
    free(found->name);
    free(found->path);
    free(found->all);
    free(found->part);
    binlog_tally_drop(&found->sorted.tally);
    binlog_tally_drop(&found->kept.tally);
    whose_drop(&found->sorted.whose);
    whose_drop(&found->kept.whose);
    gtid_free(found->left_out);
}

static uint64_t count_of(const struct found *found, enum whose whose) {
    return whose_count(found->sorted.whose, whose);
}

static char *kept_gtids(const struct found *found) {
    AUTO_GTID struct gtid_set *none = found->left_out ? NULL : gtid_parse("", NULL);
    AUTO_GTID struct gtid_set *kept = gtid_subtract(found->picture->diverged, none ? none : found->left_out);
    return gtid_text(kept);
}

static json_t *left_out_json(const struct found *found) {
    AUTO_TEXT char *gtids = found->left_out ? gtid_text(found->left_out) : mem_text("");
    return json_pack("{s:I, s:I, s:s}", "relevo", (json_int_t)count_of(found, WHOSE_RELEVO), "no_data",
                     (json_int_t)count_of(found, WHOSE_NOBODY), "gtids", gtids);
}

static char *summary_json(struct job *job, const struct found *found, int64_t saved_ms) {
    const struct binlog_tally *tally = found->left_out ? found->kept.tally : found->sorted.tally;
    const struct picture *picture = found->picture;
    uint32_t first_s = 0, last_s = 0;
    binlog_tally_times(tally, &first_s, &last_s);
    char first[32], last[32], saved[32];
    clock_iso8601((int64_t)first_s * 1000, first);
    clock_iso8601((int64_t)last_s * 1000, last);
    clock_iso8601(saved_ms, saved);
    AUTO_TEXT char *gtids = kept_gtids(found);
    json_t *root = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:I, s:s, s:s, s:s, s:I, s:I, s:o, s:o}", "file", found->name, "node",
        job->state.node, "server_uuid", picture->recipient.uuid, "primary", job->primary, "primary_uuid",
        picture->primary.uuid, "epoch", (json_int_t)job->state.epoch, "gtids", gtids, "transactions",
        (json_int_t)binlog_tally_transactions(tally), "first_at", first, "last_at", last, "saved_at", saved,
        "statements", (json_int_t)binlog_tally_statements(tally), "compressed_transactions",
        (json_int_t)binlog_tally_compressed(tally), "tables", tables_json(tally), "left_out", left_out_json(found));
    char *text = json_dumps(root, JSON_INDENT(2));
    json_decref(root);
    return text;
}

// users 0: there is no file.
static void tell(struct job *job, const struct found *found, uint64_t users) {
    AUTO_TEXT char *gtids = kept_gtids(found);
    AUTO_TEXT char *all = gtid_text(found->picture->diverged);
    pthread_mutex_lock(&job->lock);
    job->state.rescued = users;
    (void)text_copy(job->state.rescued_file, sizeof job->state.rescued_file, users > 0 ? found->name : "");
    pthread_mutex_unlock(&job->lock);
    const struct kv own = KVI("relevo", count_of(found, WHOSE_RELEVO));
    const struct kv idle = KVI("idle", count_of(found, WHOSE_NOBODY));
    if (users == 0) {
        job_event(job, EVENT_RESYNC_PROGRESS, SEVERITY_INFO, 0, MSG_RESCUE_NOTHING,
                  KVS(KVI("count", gtid_count(found->picture->diverged)), own, idle, KV("gtids", all)));
    } else if (found->left_out) {
        job_event(job, EVENT_RESCUED, SEVERITY_WARNING, 0, MSG_RESCUE_SAVED_PART,
                  KVS(KVI("count", users), KV("file", found->name), own, idle, KV("gtids", gtids)));
    } else {
        job_event(job, EVENT_RESCUED, SEVERITY_WARNING, 0, MSG_RESCUE_SAVED,
                  KVS(KVI("count", users), KV("file", found->name), KV("gtids", gtids)));
    }
    free(job->rescued_gtids);
    job->rescued_gtids = TAKE(all);
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

// Everything from the node, whole.
static bool fetch_all(struct job *job, struct found *found) {
    struct err err = {0};
    struct rescue_file *file = rescue_file_create(found->all, &err);
    if (!file) {
        return rescue_failed(job, &err);
    }
    bool fetched = fetch_into(job, found->picture, file);
    bool closed = rescue_file_close(file, &err);
    return fetched && (closed || rescue_failed(job, &err)) &&
           rescue_verify(job, found->all, found->picture->diverged, &found->sorted);
}

// The file for people: first its summary, so that no file is ever without one.
static bool publish(struct job *job, const struct found *found, const char *part, int64_t now_ms) {
    struct err err = {0};
    AUTO_TEXT char *summary_path = mem_format("%s.json", found->path);
    AUTO_TEXT char *summary = summary_json(job, found, now_ms);
    if (!summary || !rescue_text_write(summary_path, summary, &err) || rename(part, found->path) != 0 ||
        !rescue_sync_dir(job->settings->rescued_dir, &err)) {
        if (err.kind == ERR_NONE) {
            (void)err_set(&err, ERR_FAILED, errno, "%s: %s", found->path, strerror(errno));
        }
        return rescue_failed(job, &err);
    }
    return true;
}

static bool keep(struct job *job, struct found *found, int64_t now_ms) {
    uint64_t users = count_of(found, WHOSE_USERS);
    bool whole = users == binlog_tally_transactions(found->sorted.tally);
    bool ok = true;
    if (whole) {
        ok = publish(job, found, found->all, now_ms);
    } else if (users > 0) {
        ok =
            rescue_pick(job, found->picture, found->all, found->part, &found->sorted, &found->kept, &found->left_out) &&
            publish(job, found, found->part, now_ms);
    }
    if (!ok) {
        return false;
    }
    job->rescued_path = TAKE(*(whole ? &found->path : &found->all));
    job->rescued_private = !whole;
    tell(job, found, users);
    return true;
}

static bool save(struct job *job, const struct picture *picture) {
    int64_t now_ms = clock_wall_ms();
    char stamp[32];
    file_stamp(now_ms, stamp);
    const char *dir = job->settings->rescued_dir;
    __attribute__((cleanup(found_done))) struct found found = {
        .picture = picture, .sorted = {binlog_tally_new(), whose_new()}, .kept = {binlog_tally_new(), whose_new()}};
    found.name = mem_format("%s-%s-%llu.binlog", job->state.node, stamp, (unsigned long long)job->state.epoch);
    found.path = mem_format("%s/%s", dir, found.name);
    found.part = mem_format("%s/.%s.part", dir, found.name);
    found.all = mem_format("%s/.%s.all.part", dir, found.name);
    job_forget_rescued(job);
    remove_parts(job);
    bool ok = fetch_all(job, &found) && keep(job, &found, now_ms);
    if (!ok) {
        (void)unlink(found.part);
        (void)unlink(found.all);
    }
    return ok;
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
