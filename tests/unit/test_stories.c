// The stories that everybody knows, told from what is seen: each line is the time, the rule that began to apply, the
// phase, and what was done. A line that changes is a change of behaviour: read it before you bless it.
#include "story.h"

#define PLAY(story, scenes, until_ms) story_play(&(story), scenes, COUNT_OF(scenes), until_ms)
#define WAIT(story, until_ms) story_play(&(story), NULL, 0, until_ms)

static void a_is_killed(struct story *story) {
    story->servers[NODE_A].mood = STOPPED_DEAD;
}
static void a_says_goodbye(struct story *story) {
    story->servers[NODE_A].mood = SAYS_GOODBYE;
}
static void a_is_frozen(struct story *story) {
    story->servers[NODE_A].mood = FROZEN;
}
static void a_is_overloaded(struct story *story) {
    story->servers[NODE_A].mood = OVERLOADED;
}
static void a_thaws(struct story *story) {  // as it was: open, and nobody told it
    story->servers[NODE_A].mood = SERVES;
}
static void a_returns_fenced(struct story *story) {
    struct server *a = &story->servers[NODE_A];
    a->mood = SERVES;
    a->read_only = true;
}
static void b_is_killed(struct story *story) {
    story->servers[NODE_B].mood = STOPPED_DEAD;
}
static void b_returns(struct story *story) {  // replication does not start by itself
    story->servers[NODE_B].mood = SERVES;
    story->servers[NODE_B].receiver = THREAD_OFF;
}
static void our_path_to_a_breaks(struct story *story) {
    story->servers[NODE_A].cut = true;
}
static void our_path_to_a_heals(struct story *story) {
    story->servers[NODE_A].cut = false;
}
static void all_paths_break(struct story *story) {
    for (int i = 0; i < story->it.count; i++) {
        story->servers[i].cut = true;
    }
}
static void all_paths_heal(struct story *story) {
    for (int i = 0; i < story->it.count; i++) {
        story->servers[i].cut = false;
    }
}

static void killed_and_back(void **state) {
    (void)state;
    AUTO_STORY struct story story = story_of(2);
    story.it.preferred = "a";
    static const struct scene scenes[] = {{1000, a_is_killed}, {4000, a_returns_fenced}};
    PLAY(story, scenes, 15000);
    story_is(&story,
             "     0  164 NORMAL\n"
             "  1000  210 FAILOVER promote b\n"
             "  1100  166 DEGRADED\n"
             "  4000  node a: 540 resync\n"
             "  4100  162 RESYNC\n"
             "  5600  164 NORMAL\n"
             " 10600  160 SWITCHOVER switchover a\n"
             " 10700  164 NORMAL\n");
}

static void stopped_in_order(void **state) {
    (void)state;
    AUTO_STORY struct story story = story_of(2);
    static const struct scene scenes[] = {{1000, a_says_goodbye}, {1300, a_is_killed}};
    PLAY(story, scenes, 3000);
    story_is(&story,
             "     0  164 NORMAL\n"
             "  1000  180 SUSPECT\n"
             "  1300  209 FAILOVER promote b\n"
             "  1400  166 DEGRADED\n");
}

static void frozen_and_thawed(void **state) {
    (void)state;
    AUTO_STORY struct story story = story_of(2);
    static const struct scene scenes[] = {{1000, a_is_frozen}, {8000, a_thaws}};
    PLAY(story, scenes, 12000);
    story_is(&story,
             "     0  164 NORMAL\n"
             "  1000  180 SUSPECT\n"
             "  3900  212 FAILOVER promote b\n"
             "  4000  166 DEGRADED\n"
             "  8000  node a: 530 fence\n"
             "  8100  node a: 540 resync\n"
             "  8200  162 RESYNC\n"
             "  9700  164 NORMAL\n");
}

static void frozen_for_a_moment(void **state) {
    (void)state;
    AUTO_STORY struct story story = story_of(2);
    static const struct scene scenes[] = {{1000, a_is_frozen}, {3800, a_thaws}};
    PLAY(story, scenes, 6000);
    story_is(&story,
             "     0  164 NORMAL\n"
             "  1000  180 SUSPECT\n"
             "  3800  164 NORMAL\n");
}

static void our_path_is_broken(void **state) {
    (void)state;
    AUTO_STORY struct story story = story_of(2);
    static const struct scene scenes[] = {{1000, our_path_to_a_breaks}, {60000, our_path_to_a_heals}};
    PLAY(story, scenes, 62000);
    story_is(&story,
             "     0  164 NORMAL\n"
             "  1000  180 SUSPECT\n"
             "  3900  190 SUSPECT\n"
             " 60000  164 NORMAL\n");
}

static void we_are_cut_off(void **state) {
    (void)state;
    AUTO_STORY struct story story = story_of(3);
    static const struct scene scenes[] = {{1000, all_paths_break}, {60000, all_paths_heal}};
    PLAY(story, scenes, 62000);
    story_is(&story,
             "     0  164 NORMAL\n"
             "  1000  180 SUSPECT\n"
             "  3900  200 NO_PRIMARY\n"
             " 60000  164 NORMAL\n");
}

static void overloaded(void **state) {
    (void)state;
    AUTO_STORY struct story story = story_of(2);
    static const struct scene scenes[] = {{1000, a_is_overloaded}, {60000, a_thaws}};
    PLAY(story, scenes, 62000);
    story_is(&story,
             "     0  164 NORMAL\n"
             "  1000  178 SUSPECT\n"
             " 60000  164 NORMAL\n");
}

static void the_replica_is_gone(void **state) {
    (void)state;
    AUTO_STORY struct story story = story_of(2);
    static const struct scene scenes[] = {{1000, b_is_killed}, {5000, b_returns}};
    PLAY(story, scenes, 10000);
    story_is(&story,
             "     0  164 NORMAL\n"
             "  1000  166 DEGRADED\n"
             "  5000  node b: 540 resync\n"
             "  5100  162 RESYNC\n"
             "  6600  164 NORMAL\n");
}

// The replica was away when the primary died: nobody may vouch for what it lacks.
static void both_are_gone(void **state) {
    (void)state;
    AUTO_STORY struct story story = story_of(2);
    static const struct scene scenes[] = {
        {1000, b_is_killed}, {20000, a_is_killed}, {25000, b_returns}, {30000, a_returns_fenced}};
    PLAY(story, scenes, 34000);
    story_is(&story,
             "     0  164 NORMAL\n"
             "  1000  166 DEGRADED\n"
             " 20000  200 NO_PRIMARY\n"
             " 30000  172 STARTING reopen a\n"
             " 30100  166 DEGRADED\n"
             " 30100  node b: 540 resync\n"
             " 30200  162 RESYNC\n"
             " 31700  164 NORMAL\n");
}

static void flapping(void **state) {
    (void)state;
    AUTO_STORY struct story story = story_of(2);
    static const struct scene scenes[] = {{1000, our_path_to_a_breaks}, {2000, our_path_to_a_heals},
                                          {3000, our_path_to_a_breaks}, {4000, our_path_to_a_heals},
                                          {5000, our_path_to_a_breaks}, {6000, our_path_to_a_heals}};
    PLAY(story, scenes, 7000);
    story_is(&story,
             "     0  164 NORMAL\n"
             "  1000  180 SUSPECT\n"
             "  2000  164 NORMAL\n"
             "  3000  180 SUSPECT\n"
             "  4000  164 NORMAL\n"
             "  5000  180 SUSPECT\n"
             "  6000  164 NORMAL\n");
}

static void the_second_one_dies_too(void **state) {
    (void)state;
    AUTO_STORY struct story story = story_of(3);
    static const struct scene scenes[] = {{1000, a_is_killed}, {3000, b_is_killed}};
    PLAY(story, scenes, 6000);
    story_is(&story,
             "     0  164 NORMAL\n"
             "  1000  210 FAILOVER promote b\n"
             "  1100  166 DEGRADED\n"
             "  3000  210 FAILOVER promote c\n"
             "  3100  166 DEGRADED\n");
}

// --- beginnings ---

static struct story begins(int count) {
    struct story story = story_of(count);
    story.it.state = (struct cluster_state){0};
    for (int i = 0; i < count; i++) {
        story.servers[i] = (struct server){.source = -1, .read_only = true};
    }
    story.servers[NODE_A].own = 10;
    return story;
}

static void a_new_cluster(void **state) {
    (void)state;
    AUTO_STORY struct story story = begins(2);
    story.servers[NODE_B].mood = STOPPED_DEAD;  // slower to start
    static const struct scene scenes[] = {{1500, b_returns}};
    PLAY(story, scenes, 6000);
    story_is(&story,
             "     0  148 NO_PRIMARY\n"
             "  1500  144 STARTING elect a\n"
             "  1600  166 DEGRADED\n"
             "  1600  node b: 540 resync\n"
             "  1700  162 RESYNC\n"
             "  3200  164 NORMAL\n");
}

static void two_strangers(void **state) {
    (void)state;
    AUTO_STORY struct story story = begins(2);
    story.servers[NODE_B].theirs = 5;
    WAIT(story, 60000);
    story_is(&story,
             "     0  146 NO_PRIMARY\n");
}

// Power came back: everybody boots fenced, and the hash knows who was who.
static void a_cold_start(void **state) {
    (void)state;
    AUTO_STORY struct story story = story_of(2);
    a_returns_fenced(&story);
    b_returns(&story);
    WAIT(story, 5000);
    story_is(&story,
             "     0  172 STARTING reopen a\n"
             "   100  166 DEGRADED\n"
             "   100  node b: 540 resync\n"
             "   200  162 RESYNC\n"
             "  1700  164 NORMAL\n");
}

static void redis_is_empty(void **state) {
    (void)state;
    AUTO_STORY struct story story = story_of(2);
    story.it.state = (struct cluster_state){0};
    static const struct scene scenes[] = {{2000, a_is_killed}};
    PLAY(story, scenes, 4000);
    story_is(&story,
             "     0  164 NORMAL\n"
             "  2000  210 FAILOVER promote b\n"
             "  2100  166 DEGRADED\n");
    assert_string_equal(story.it.state.primary, "b");
}

static void remember_streams(struct story *story, int64_t age_ms) {
    struct cluster_state *hash = &story->it.state;
    for (int i = 0; i < story->it.count; i++) {
        struct node_state *node = &hash->nodes[hash->node_count++];
        (void)text_copy(node->name, sizeof node->name, story->it.names[i]);
        node->receiver = story->servers[i].receiver;
        node->seen_ms = CLUSTER_WALL_MS - age_ms;
        node->streamed_ms = node->receiver == THREAD_ON ? node->seen_ms : 0;
        (void)text_copy(node->source, sizeof node->source, i == NODE_A ? "" : "a");
    }
    assess_restore(&story->it.memory, hash, (const char (*)[NODE_NAME_SIZE])story->it.names, story->it.count,
                   story->it.now_ms, CLUSTER_WALL_MS);
}

static void dead_before_we_came(void **state) {
    (void)state;
    AUTO_STORY struct story story = story_of(2);
    remember_streams(&story, 3600 * 1000);
    a_is_killed(&story);
    WAIT(story, 4000);
    story_is(&story,
             "     0  210 FAILOVER promote b\n"
             "   100  166 DEGRADED\n");
}

// And Redis knows nothing: that b once streamed, and until when, nobody can tell.
static void dead_before_we_came_and_redis_empty(void **state) {
    (void)state;
    AUTO_STORY struct story story = story_of(2);
    story.it.state = (struct cluster_state){0};
    a_is_killed(&story);
    WAIT(story, 60000);
    story_is(&story,
             "     0  192 SUSPECT\n"
             "  1000  208 NO_PRIMARY\n");
}

// Killed between stopping b's receiver and opening it, and started again.
static void resumed(void **state) {
    (void)state;
    AUTO_STORY struct story story = story_of(2);
    story.it.intent = NODE_B;
    story.flags = FLAG_INTENT;
    story.servers[NODE_B].receiver = THREAD_OFF;
    a_is_killed(&story);
    WAIT(story, 2000);
    story_is(&story,
             "     0  198 FAILOVER promote b\n"
             "   100  166 DEGRADED\n");
}

// Killed between b's epoch row and the hash: the hash names a, which returns.
static void the_row_is_the_point_of_no_return(void **state) {
    (void)state;
    AUTO_STORY struct story story = story_of(2);
    story.servers[NODE_B] =
        (struct server){.source = -1, .own = 10, .epoch = 2, .epoch_primary = NODE_B, .read_only = true};
    static const struct scene scenes[] = {{0, a_is_killed}, {5000, a_returns_fenced}};
    PLAY(story, scenes, 9000);
    story_is(&story,
             "     0  172 STARTING reopen b\n"
             "   100  166 DEGRADED\n"
             "  5000  node a: 540 resync\n"
             "  5100  162 RESYNC\n"
             "  6600  164 NORMAL\n");
    assert_string_equal(story.it.state.primary, "b");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_and_back),
        cmocka_unit_test(stopped_in_order),
        cmocka_unit_test(frozen_and_thawed),
        cmocka_unit_test(frozen_for_a_moment),
        cmocka_unit_test(our_path_is_broken),
        cmocka_unit_test(we_are_cut_off),
        cmocka_unit_test(overloaded),
        cmocka_unit_test(the_replica_is_gone),
        cmocka_unit_test(both_are_gone),
        cmocka_unit_test(flapping),
        cmocka_unit_test(the_second_one_dies_too),
        cmocka_unit_test(a_new_cluster),
        cmocka_unit_test(two_strangers),
        cmocka_unit_test(a_cold_start),
        cmocka_unit_test(redis_is_empty),
        cmocka_unit_test(dead_before_we_came),
        cmocka_unit_test(dead_before_we_came_and_redis_empty),
        cmocka_unit_test(resumed),
        cmocka_unit_test(the_row_is_the_point_of_no_return),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
