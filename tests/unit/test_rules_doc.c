// The rule tables of watcher/README.md are generated from watcher/policy.c. As a test this fails when they differ; with
// --write it puts them there (make rules-doc).
#include "common/mem.h"
#include "common/text.h"
#include "watcher/policy.h"

#include "unit.h"

#define README "watcher/README.md"
#define BEGIN "<!-- generated from policy.c by make rules-doc: begin -->\n"
#define END "<!-- generated: end -->\n"

static const struct {
    unsigned flag;
    const char *name;
} flag_names[] = {
    {FLAG_LEADER, "this watcher leads"},
    {FLAG_BUSY, "an action is under way"},
    {FLAG_SETTLED, "every node was seen or given up"},
    {FLAG_MAINTENANCE, "maintenance"},
    {FLAG_LIMIT, "failover limit reached"},
    {FLAG_COOLING, "it failed a moment ago"},
    {FLAG_ALL_STREAMING, "all replicas stream"},
    {FLAG_ANY_JOB, "a resync job is on"},
    {FLAG_OPEN_OTHER, "one other node takes writes"},
    {FLAG_OPEN_MANY, "several others take writes"},
    {FLAG_INTENT, "a failover was left half-way"},
    {FLAG_UNCERTAIN, "a node left half-opened cannot be asked"},
    {FLAG_YOUNG, "we have just started"},
    {FLAG_RECALLED, "the record may be out of date, not all were asked"},
    {FLAG_HELD, "a person shall say first"},
    {FLAG_OUTLIVED, "it is the old primary of a failover left half-way"},
    {FLAG_BEHIND, "another node holds what it made itself and has lost"},
    {FLAG_FAILBACK_DUE, "the preferred node is ready"},
    {FLAG_ASK_SWITCHOVER, "switchover asked"},
    {FLAG_ASK_FAILOVER, "failover asked"},
    {FLAG_ASK_FORCE, "failover with force asked"},
    {FLAG_TARGET_READY, "the node asked for streams without lag"},
    {FLAG_TARGET_FIT, "the node asked for answers and holds data"},
};

static const char *const target_names[] = {
    [TARGET_NONE] = "",
    [TARGET_CANDIDATE] = "the candidate",
    [TARGET_ELECTED] = "the first that covers all",
    [TARGET_PRIMARY] = "it",
    [TARGET_OPEN] = "the open node",
    [TARGET_ASKED] = "the node asked for",
    [TARGET_PREFERRED] = "the preferred node",
};

struct page {
    char *text;
};

static void put(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct page *page, const char *format, ...) {
    char *more = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&more, format, args);
    va_end(args);
    assert_true(length >= 0);
    char *all = mem_format("%s%s", page->text ? page->text : "", more);
    free(more);
    free(page->text);
    page->text = all;
}

#define NAMES(type)                              \
    static const char *type##_word(unsigned i) { \
        return type##_name((enum type)i);        \
    }
NAMES(primary_view)
NAMES(witness)
NAMES(candidate)
NAMES(election)
NAMES(standing)
NAMES(sync_view)
NAMES(fit)
NAMES(rows_view)

// "dead, silent" for a set of values.
static char *set_text(unsigned set, const char *(*word)(unsigned)) {
    struct page list = {mem_text("")};
    for (unsigned i = 0; i < 32; i++) {
        if (set & 1u << i) {
            put(&list, "%s%s", *list.text ? ", " : "", word(i));
        }
    }
    return list.text;
}

static void put_condition(struct page *page, const char *what, unsigned set, const char *(*word)(unsigned)) {
    if (set) {
        AUTO_TEXT char *values = set_text(set, word);
        put(page, "%s%s: %s", *page->text ? "; " : "", what, values);
    }
}

static char *when_text(const struct rule *rule) {
    struct page when = {mem_text("")};
    put_condition(&when, "primary", rule->view, primary_view_word);
    put_condition(&when, "replicas", rule->witness, witness_word);
    put_condition(&when, "candidate", rule->candidate, candidate_word);
    put_condition(&when, "election", rule->election, election_word);
    put_condition(&when, "acknowledgements", rule->sync, sync_view_word);
    put_condition(&when, "node", rule->standing, standing_word);
    put_condition(&when, "its semi-sync settings", rule->fit, fit_word);
    put_condition(&when, "the row of its reign", rule->rows, rows_view_word);
    for (size_t i = 0; i < COUNT_OF(flag_names); i++) {
        if ((rule->yes | rule->no) & flag_names[i].flag) {
            put(&when, "%s%s%s", *when.text ? "; " : "", rule->no & flag_names[i].flag ? "**not** " : "",
                flag_names[i].name);
        }
    }
    return when.text;
}

static void put_table(struct page *page, const struct rule *rules, size_t count, const char *phase_column) {
    put(page, "| rule | when |%s does | because |\n|---|---|%s---|---|\n", phase_column, *phase_column ? "---|" : "");
    for (size_t i = 0; i < count; i++) {
        const struct rule *rule = &rules[i];
        AUTO_TEXT char *when = when_text(rule);
        char why[NODE_WHY_SIZE];
        msg_render(rule->why, LANG_EN, KVS(), why, sizeof why);
        put(page, "| %d | %s |", rule->id, when);
        if (*phase_column) {
            put(page, " %s |", rule->to == PHASE_STAY ? "stays" : phase_name((enum phase)rule->to));
        }
        const char *target = target_names[rule->target];
        if (rule->act != ACT_NONE) {
            put(page, " **%s**%s%s", act_name(rule->act), *target ? " " : "", target);
        }
        put(page, " |%s%s |\n", *why ? " " : "", why);
    }
}

// One arrow for all rules that lead from the same sight of the primary to the same phase by the same act.
static void put_picture(struct page *page, const struct rule *rules, size_t count) {
    put(page, "```mermaid\nflowchart LR\n");
    for (size_t i = 0; i < count; i++) {
        bool told = rules[i].to == PHASE_STAY;
        struct page numbers = {mem_text("")};
        for (size_t j = 0; j < count; j++) {
            if (rules[j].view == rules[i].view && rules[j].to == rules[i].to && rules[j].act == rules[i].act) {
                told |= j < i;
                put(&numbers, "%s%d", *numbers.text ? ", " : "", rules[j].id);
            }
        }
        AUTO_TEXT char *views = set_text(rules[i].view, primary_view_word);
        if (!told) {
            put(page, "    v%x([\"%s\"]) -->|%s%s%s| %s\n", rules[i].view, *views ? views : "whatever", numbers.text,
                rules[i].act ? " " : "", rules[i].act ? act_name(rules[i].act) : "",
                phase_name((enum phase)rules[i].to));
        }
        free(numbers.text);
    }
    put(page, "```\n");
}

static char *document(void) {
    struct page page = {mem_text("")};
    size_t clusters, nodes;
    const struct rule *cluster = policy_cluster_rules(&clusters);
    const struct rule *node = policy_node_rules(&nodes);
    put(&page, "\nFrom what is seen of the recorded primary, by which rules, to which phase:\n\n");
    put_picture(&page, cluster, clusters);
    put(&page, "\nWho is primary. The first row that matches decides:\n\n");
    put_table(&page, cluster, clusters, " phase |");
    put(&page, "\nWhat is done about each node. The first row that matches decides:\n\n");
    put_table(&page, node, nodes, "");
    put(&page, "\n");
    return page.text;
}

static char *read_all(const char *path) {
    FILE *file = fopen(path, "re");
    if (!file) {
        fail_msg("%s: not found; run the tests from the top of the tree", path);
    }
    char *text = mem_zero(1, 1 << 18);
    size_t length = fread(text, 1, (1 << 18) - 1, file);
    (void)fclose(file);
    text[length] = '\0';
    return text;
}

// The README as it ought to be; NULL if it has no markers.
static char *with_document(const char *readme) {
    const char *begin = strstr(readme, BEGIN);
    const char *end = begin ? strstr(begin, END) : NULL;
    if (!end) {
        return NULL;
    }
    AUTO_TEXT char *generated = document();
    return mem_format("%.*s%s%s", (int)(begin + strlen(BEGIN) - readme), readme, generated, end);
}

static void the_readme_shows_the_rules_that_decide(void **state) {
    (void)state;
    AUTO_TEXT char *readme = read_all(README);
    AUTO_TEXT char *wanted = with_document(readme);
    if (!wanted) {
        fail_msg("%s lacks its markers", README);
    }
    if (strcmp(readme, wanted) != 0) {
        fail_msg("%s does not show the rules of watcher/policy.c: run make -f build.mk rules-doc", README);
    }
}

static void every_flag_and_target_has_words(void **state) {
    (void)state;
    unsigned named = 0;
    for (size_t i = 0; i < COUNT_OF(flag_names); i++) {
        named |= flag_names[i].flag;
    }
    size_t count;
    for (int table = 0; table < 2; table++) {
        const struct rule *rules = table ? policy_node_rules(&count) : policy_cluster_rules(&count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal((rules[i].yes | rules[i].no) & ~named, 0);
            assert_true(rules[i].target < COUNT_OF(target_names) && target_names[rules[i].target]);
        }
    }
}

static int write_readme(void) {
    AUTO_TEXT char *readme = read_all(README);
    AUTO_TEXT char *wanted = with_document(readme);
    FILE *file = wanted ? fopen(README, "we") : NULL;
    if (!file || fputs(wanted, file) < 0 || fclose(file) != 0) {
        (void)fprintf(stderr, "%s: no markers, or it cannot be written\n", README);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && text_equal(argv[1], "--write")) {
        return write_readme();
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_readme_shows_the_rules_that_decide),
        cmocka_unit_test(every_flag_and_target_has_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
