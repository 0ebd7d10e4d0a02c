// What was fetched, read back from the disk; and what of it is kept for people: the transactions of users.
#include "common/mem.h"
#include "resync/rescue_parts.h"

static bool sort_event(void *arg, const unsigned char *bytes, size_t length_bytes, bool checksum, struct err *err) {
    struct rescue_sum *sum = arg;
    struct binlog_event event;
    if (!binlog_parse(bytes, length_bytes, checksum, &event, err) || !binlog_tally_feed(sum->tally, &event, err)) {
        return false;
    }
    whose_feed(sum->whose, &event);
    return true;
}

static bool same_set(const struct gtid_set *a, const struct gtid_set *b) {
    return gtid_subset(a, b) && gtid_subset(b, a);
}

bool rescue_verify(struct job *job, const char *path, const struct gtid_set *wanted, struct rescue_sum *sum) {
    struct err err = {0};
    if (!rescue_file_each(path, sort_event, sum, &err)) {
        return rescue_failed(job, &err);
    }
    AUTO_GTID struct gtid_set *saved = binlog_tally_gtids(sum->tally);
    if (!saved || !same_set(saved, wanted)) {
        (void)err_set(&err, ERR_CONFLICT, 0, "the file holds %llu transactions instead of %llu",
                      (unsigned long long)(saved ? gtid_count(saved) : 0), (unsigned long long)gtid_count(wanted));
        return rescue_failed(job, &err);
    }
    return true;
}

struct picking {
    const struct whose_reader *whose;
    struct rescue_file *file;
    struct binlog_tally *left_out;
    uint64_t begun;  // transactions so far
};

static bool pick_event(void *arg, const unsigned char *bytes, size_t length_bytes, bool checksum, struct err *err) {
    struct picking *picking = arg;
    struct binlog_event event;
    if (!binlog_parse(bytes, length_bytes, checksum, &event, err)) {
        return false;
    }
    picking->begun += event.type == BINLOG_GTID || event.type == BINLOG_GTID_TAGGED;
    if (event.type == BINLOG_FORMAT || picking->begun == 0 ||
        whose_transaction(picking->whose, picking->begun - 1) == WHOSE_USERS) {
        return rescue_file_add(picking->file, bytes, length_bytes, err);
    }
    return binlog_tally_feed(picking->left_out, &event, err);
}

bool rescue_pick(struct job *job, const struct picture *picture, const char *from, const char *to,
                 const struct rescue_sum *all, struct rescue_sum *ret_kept, struct gtid_set **ret_left_out) {
    struct err err = {0};
    AUTO_TALLY struct binlog_tally *left_out = binlog_tally_new();
    struct picking picking = {.whose = all->whose, .left_out = left_out};
    picking.file = rescue_file_create(to, &err);
    if (!picking.file) {
        return rescue_failed(job, &err);
    }
    bool picked = rescue_file_each(from, pick_event, &picking, &err);
    if (!(rescue_file_close(picking.file, picked ? &err : NULL) && picked)) {
        return rescue_failed(job, &err);
    }
    AUTO_GTID struct gtid_set *gone = binlog_tally_gtids(left_out);
    if (!gone || !gtid_subset(gone, picture->diverged)) {
        (void)err_set(&err, ERR_CONFLICT, 0, "what is left out was not among it");
        return rescue_failed(job, &err);
    }
    AUTO_GTID struct gtid_set *kept = gtid_subtract(picture->diverged, gone);
    if (!rescue_verify(job, to, kept, ret_kept)) {
        return false;
    }
    if (whose_count(ret_kept->whose, WHOSE_USERS) != binlog_tally_transactions(ret_kept->tally)) {
        (void)err_set(&err, ERR_CONFLICT, 0, "it holds what was to be left out");
        return rescue_failed(job, &err);
    }
    *ret_left_out = TAKE(gone);
    return true;
}
