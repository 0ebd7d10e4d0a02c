// dashboard/snapshot: rings, order, ages.
#include <stdio.h>
#include <string.h>
#include "unit.h"

#include "dashboard/snapshot.h"

static const struct moment start = {.mono_ms = 1000000, .wall_ms = 1700000000000};

static struct moment later(int64_t ms) {
    return (struct moment){.mono_ms = start.mono_ms + ms, .wall_ms = start.wall_ms + ms};
}

static struct event_record event_of(int64_t seq, enum event_type type) {
    return (struct event_record){.seq = seq, .type = type, .detail = json_object()};
}

static bool take(struct snapshot *snapshot, int64_t seq, enum event_type type) {
    struct event_record event = event_of(seq, type);
    return snapshot_take_event(snapshot, &event);
}

static void keeps_the_newest_events(void **unused) {
    (void)unused;
    struct snapshot *snapshot = snapshot_new(start);
    for (int i = 1; i <= SNAPSHOT_EVENTS + 10; i++) {
        assert_true(take(snapshot, i, i == 3 ? EVENT_FAILOVER : EVENT_RESYNC_PROGRESS));
    }
    assert_int_equal(snapshot->events.count, SNAPSHOT_EVENTS);
    assert_int_equal(snapshot_event(&snapshot->events, 0)->seq, 11);
    assert_int_equal(snapshot_event(&snapshot->events, SNAPSHOT_EVENTS - 1)->seq, SNAPSHOT_EVENTS + 10);
    // The failover is long out of the ring, and still remembered.
    assert_int_equal(snapshot->milestones.count, 1);
    assert_int_equal(snapshot_event(&snapshot->milestones, 0)->seq, 3);
    snapshot_free(snapshot);
}

static void takes_each_event_once(void **unused) {
    (void)unused;
    struct snapshot *snapshot = snapshot_new(start);
    assert_true(take(snapshot, 500, EVENT_ACK));
    assert_true(take(snapshot, 502, EVENT_ACK));
    assert_true(take(snapshot, 501, EVENT_ACK));  // two writers may overtake each other
    assert_false(take(snapshot, 501, EVENT_ACK));
    assert_false(take(snapshot, 502, EVENT_ACK));
    assert_false(take(snapshot, 1, EVENT_ACK));  // numbered anew
    assert_int_equal(snapshot->newest_seq, 502);
    snapshot_forget_events(snapshot);
    assert_true(take(snapshot, 1, EVENT_ACK));
    snapshot_free(snapshot);
}

static bool is_news(struct snapshot *snapshot, int64_t seq, int64_t ts_ms) {
    struct event_record event = event_of(seq, EVENT_ACK);
    event.ts_ms = ts_ms;
    bool news = snapshot_is_news(snapshot, &event);
    assert_true(snapshot_take_event(snapshot, &event));
    return news;
}

// Whatever Redis goes through, an event is news once, and the counter never falls.
static void tells_news_from_what_was_read_again(void **unused) {
    (void)unused;
    struct snapshot *snapshot = snapshot_new(start);
    snapshot_forget_events(snapshot);
    assert_false(is_news(snapshot, 1, 100));  // it happened before the dashboard started
    snapshot_history_loaded(snapshot);
    assert_true(is_news(snapshot, 2, 200));
    assert_int_equal(snapshot->counted[EVENT_ACK], 1);

    snapshot_forget_events(snapshot);  // Redis was away, and one was appended meanwhile
    assert_false(is_news(snapshot, 1, 100));
    assert_false(is_news(snapshot, 2, 200));
    assert_true(is_news(snapshot, 3, 300));
    snapshot_history_loaded(snapshot);
    assert_int_equal(snapshot->counted[EVENT_ACK], 2);

    snapshot_forget_events(snapshot);  // its history was lost, and has come as far as the old one again
    for (int64_t seq = 1; seq <= 4; seq++) {
        assert_true(is_news(snapshot, seq, 1000 + seq));
    }
    snapshot_history_loaded(snapshot);
    assert_int_equal(snapshot->counted[EVENT_ACK], 6);
    snapshot_free(snapshot);
}

static void puts_older_milestones_first(void **unused) {
    (void)unused;
    struct snapshot *snapshot = snapshot_new(start);
    assert_true(take(snapshot, 9000, EVENT_SWITCHOVER));
    for (int seq = 8999; seq > 8000; seq--) {
        struct event_record older = event_of(seq, seq % 2 ? EVENT_FAILOVER : EVENT_ACK);
        snapshot_take_older(snapshot, &older);
    }
    assert_int_equal(snapshot->milestones.count, SNAPSHOT_MILESTONES);
    for (size_t i = 1; i < SNAPSHOT_MILESTONES; i++) {
        assert_true(snapshot_event(&snapshot->milestones, i - 1)->seq < snapshot_event(&snapshot->milestones, i)->seq);
    }
    assert_true(take(snapshot, 9001, EVENT_RECOVERY));
    assert_int_equal(snapshot_event(&snapshot->milestones, SNAPSHOT_MILESTONES - 1)->seq, 9001);
    snapshot_free(snapshot);
}

static void take_state(struct snapshot *snapshot, int64_t updated_ms, struct moment now) {
    struct cluster_state state = {.updated_ms = updated_ms, .epoch = 3};
    snapshot_take_state(snapshot, &state, now);
}

static void knows_how_old_it_is(void **unused) {
    (void)unused;
    struct snapshot *snapshot = snapshot_new(start);
    assert_true(snapshot_stale(snapshot, start));
    assert_int_equal(snapshot_state_age_ms(snapshot, start), -1);
    assert_int_equal(snapshot_read_age_ms(snapshot, start), -1);

    snapshot_connected(snapshot, true, start);
    take_state(snapshot, start.wall_ms - 400, start);  // the writer's clock tells how old the first reading is
    assert_int_equal(snapshot_state_age_ms(snapshot, start), 400);
    assert_false(snapshot_stale(snapshot, start));

    take_state(snapshot, start.wall_ms - 400, later(5000));  // read again, but not renewed by the watcher
    assert_int_equal(snapshot_state_age_ms(snapshot, later(5000)), 5400);
    assert_int_equal(snapshot_read_age_ms(snapshot, later(6000)), 1000);

    take_state(snapshot, start.wall_ms + 3600000, later(7000));  // a clock an hour ahead makes nothing young or old
    assert_int_equal(snapshot_state_age_ms(snapshot, later(7200)), 200);

    snapshot_connected(snapshot, false, later(7300));
    assert_true(snapshot_stale(snapshot, later(7300)));
    snapshot_connected(snapshot, true, later(7400));
    assert_false(snapshot_stale(snapshot, later(7400)));
    assert_true(snapshot_stale(snapshot, later(7000 + SNAPSHOT_STALE_MS + 1)));

    take_state(snapshot, 0, later(7500));  // Redis came back empty
    assert_false(snapshot->known);
    assert_true(snapshot_stale(snapshot, later(7500)));
    snapshot_free(snapshot);
}

static void keeps_the_last_lines(void **unused) {
    (void)unused;
    struct snapshot *snapshot = snapshot_new(start);
    for (int i = 0; i < SNAPSHOT_LINES + 5; i++) {
        char line[16];
        int length = snprintf(line, sizeof line, "line %d", i);
        snapshot_take_line(snapshot, SERVICE_RESYNC, line, (size_t)length);
    }
    snapshot_take_line(snapshot, SERVICE_WATCHER, "\xff\xfe", 2);
    snapshot_take_line(snapshot, SERVICE_DASHBOARD, "nobody asks", 11);
    const struct snapshot_log *log = &snapshot->logs[SERVICE_RESYNC];
    assert_int_equal(log->count, SNAPSHOT_LINES);
    assert_string_equal(snapshot_line(log, 0), "line 5");
    assert_string_equal(snapshot_line(log, SNAPSHOT_LINES - 1), "line 204");
    assert_string_equal(snapshot_line(&snapshot->logs[SERVICE_WATCHER], 0), "(not UTF-8)");
    snapshot_free(snapshot);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_newest_events),     cmocka_unit_test(takes_each_event_once),
        cmocka_unit_test(puts_older_milestones_first), cmocka_unit_test(knows_how_old_it_is),
        cmocka_unit_test(keeps_the_last_lines),        cmocka_unit_test(tells_news_from_what_was_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
