// What a person may do when automation will not: the exact commands for the rule that stopped it, and what each risks.
// Words for the command channel, or SQL where only a hand on the node helps.
#include <string.h>

#include "api_parts.h"
#include "common/node.h"
#include "common/text.h"

enum way_kind {
    WAY_PLAIN,    // the command as it stands
    WAY_EACH,     // {node}: once for every node other than the primary that answers
    WAY_AWAY,     // {node}: once for every node other than the primary of which nothing is heard
    WAY_PRIMARY,  // {node}: the recorded primary
    WAY_OPEN,     // {node}: every node that takes writes and is not the recorded primary
};

struct way {
    int rule;
    enum way_kind kind;
    const char *command;
    enum msg does, risk;
};

#define FORCE "failover {node} force"
#define CLOSE \
    "docker exec {node} sh -c 'MYSQL_PWD=$MYSQL_ROOT_PASSWORD mysql -uroot -e \"SET GLOBAL super_read_only=ON\"'"
#define START "docker start {node}"
// Not into the binlog, for the mark is not there either; read_only stays as it is, and a closed node closed.
#define ACCEPT                                                                                                  \
    "docker exec {node} sh -c 'MYSQL_PWD=$MYSQL_ROOT_PASSWORD mysql -uroot -e \"SET @closed=@@super_read_only;" \
    " SET GLOBAL super_read_only=OFF; SET sql_log_bin=0; DROP DATABASE IF EXISTS " REBUILD_SCHEMA               \
    ";"                                                                                                         \
    " SET GLOBAL super_read_only=@closed\"'"
#define APPLY "docker exec {node} sh -c 'MYSQL_PWD=$MYSQL_ROOT_PASSWORD mysql -uroot -e \"START REPLICA SQL_THREAD\"'"

static const struct way ways[] = {
    {126, WAY_AWAY, START, MSG_WAY_START_OTHER, MSG_RISK_NONE},
    {126, WAY_PRIMARY, FORCE, MSG_WAY_ALONE, MSG_RISK_SPLIT},
    {127, WAY_AWAY, START, MSG_WAY_START_OTHER, MSG_RISK_NONE},
    {127, WAY_PRIMARY, FORCE, MSG_WAY_ALONE, MSG_RISK_SPLIT},
    {128, WAY_PLAIN, "maintenance off", MSG_WAY_RESUME, MSG_RISK_RESUME},
    {129, WAY_PRIMARY, START, MSG_WAY_START, MSG_RISK_NONE},
    {129, WAY_PLAIN, "failover", MSG_WAY_FAILOVER, MSG_RISK_FAILOVER},
    {129, WAY_PLAIN, "maintenance off", MSG_WAY_RESUME, MSG_RISK_RESUME},
    {130, WAY_PLAIN, "maintenance off", MSG_WAY_RESUME, MSG_RISK_RESUME},
    {132, WAY_PLAIN, "ack", MSG_WAY_RESUME, MSG_RISK_RESUME},
    {140, WAY_OPEN, CLOSE, MSG_WAY_CLOSE_WRONG, MSG_RISK_CLOSE},
    {141, WAY_AWAY, START, MSG_WAY_START_OTHER, MSG_RISK_NONE},
    {141, WAY_EACH, FORCE, MSG_WAY_CHOOSE, MSG_RISK_CHOOSE},
    {141, WAY_EACH, ACCEPT, MSG_WAY_ACCEPT, MSG_RISK_ACCEPT},
    {146, WAY_EACH, FORCE, MSG_WAY_CHOOSE, MSG_RISK_CHOOSE},
    {148, WAY_AWAY, START, MSG_WAY_START_OTHER, MSG_RISK_NONE},
    {148, WAY_EACH, FORCE, MSG_WAY_CHOOSE, MSG_RISK_UNHEARD},
    {149, WAY_AWAY, START, MSG_WAY_START_OTHER, MSG_RISK_NONE},
    {149, WAY_PRIMARY, FORCE, MSG_WAY_ALONE, MSG_RISK_SPLIT},
    {151, WAY_AWAY, START, MSG_WAY_START_OTHER, MSG_RISK_NONE},
    {151, WAY_PRIMARY, FORCE, MSG_WAY_ALONE, MSG_RISK_SPLIT},
    {167, WAY_OPEN, CLOSE, MSG_WAY_CLOSE, MSG_RISK_CLOSE},
    {168, WAY_OPEN, CLOSE, MSG_WAY_CLOSE, MSG_RISK_CLOSE},
    {168, WAY_OPEN, FORCE, MSG_WAY_KEEP, MSG_RISK_KEEP},
    {169, WAY_EACH, FORCE, MSG_WAY_CHOOSE, MSG_RISK_CHOOSE},
    {170, WAY_OPEN, CLOSE, MSG_WAY_CLOSE, MSG_RISK_CLOSE},
    {170, WAY_OPEN, FORCE, MSG_WAY_KEEP, MSG_RISK_KEEP},
    {171, WAY_AWAY, START, MSG_WAY_START_OTHER, MSG_RISK_NONE},
    {171, WAY_PRIMARY, FORCE, MSG_WAY_REOPEN, MSG_RISK_SPLIT},
    {173, WAY_AWAY, START, MSG_WAY_START_OTHER, MSG_RISK_NONE},
    {173, WAY_PRIMARY, FORCE, MSG_WAY_REOPEN, MSG_RISK_NEWER},
    {173, WAY_EACH, FORCE, MSG_WAY_CHOOSE, MSG_RISK_NEWER},
    {174, WAY_AWAY, START, MSG_WAY_START_OTHER, MSG_RISK_NONE},
    {174, WAY_PRIMARY, FORCE, MSG_WAY_REOPEN, MSG_RISK_SPLIT},
    {174, WAY_EACH, FORCE, MSG_WAY_CHOOSE, MSG_RISK_LOSE},
    {175, WAY_AWAY, START, MSG_WAY_START_OTHER, MSG_RISK_NONE},
    {175, WAY_EACH, FORCE, MSG_WAY_CHOOSE, MSG_RISK_SPLIT},
    {176, WAY_AWAY, START, MSG_WAY_START_OTHER, MSG_RISK_NONE},
    {176, WAY_EACH, FORCE, MSG_WAY_CHOOSE, MSG_RISK_SPLIT},
    {177, WAY_AWAY, START, MSG_WAY_START_OTHER, MSG_RISK_NONE},
    {177, WAY_EACH, FORCE, MSG_WAY_CHOOSE, MSG_RISK_LOSE},
    {177, WAY_PRIMARY, ACCEPT, MSG_WAY_ACCEPT, MSG_RISK_ACCEPT},
    {190, WAY_EACH, FORCE, MSG_WAY_CHOOSE, MSG_RISK_SPLIT},
    {193, WAY_PRIMARY, START, MSG_WAY_START_OTHER, MSG_RISK_NONE},
    {193, WAY_AWAY, START, MSG_WAY_START_OTHER, MSG_RISK_START},
    {193, WAY_EACH, FORCE, MSG_WAY_CHOOSE, MSG_RISK_SPLIT},
    {194, WAY_PRIMARY, START, MSG_WAY_START, MSG_RISK_NONE},
    {194, WAY_PLAIN, "ack", MSG_WAY_ACK, MSG_RISK_ACK},
    {196, WAY_PRIMARY, START, MSG_WAY_START, MSG_RISK_NONE},
    {196, WAY_AWAY, START, MSG_WAY_START_OTHER, MSG_RISK_START},
    {196, WAY_EACH, FORCE, MSG_WAY_NOW, MSG_RISK_LOSE},
    {200, WAY_PRIMARY, START, MSG_WAY_START, MSG_RISK_NONE},
    {200, WAY_AWAY, START, MSG_WAY_START_OTHER, MSG_RISK_START},
    {200, WAY_EACH, FORCE, MSG_WAY_CHOOSE, MSG_RISK_SPLIT},
    {202, WAY_PRIMARY, START, MSG_WAY_START, MSG_RISK_NONE},
    {202, WAY_AWAY, START, MSG_WAY_START_OTHER, MSG_RISK_START},
    {202, WAY_EACH, FORCE, MSG_WAY_CHOOSE, MSG_RISK_LOSE},
    {203, WAY_PRIMARY, START, MSG_WAY_START, MSG_RISK_NONE},
    {203, WAY_AWAY, START, MSG_WAY_START_OTHER, MSG_RISK_START},
    {203, WAY_EACH, FORCE, MSG_WAY_CHOOSE, MSG_RISK_LOSE},
    {204, WAY_PRIMARY, START, MSG_WAY_START, MSG_RISK_NONE},
    {204, WAY_AWAY, START, MSG_WAY_START_OTHER, MSG_RISK_START},
    {204, WAY_EACH, FORCE, MSG_WAY_CHOOSE, MSG_RISK_CHOOSE},
    {205, WAY_PRIMARY, START, MSG_WAY_START, MSG_RISK_NONE},
    {205, WAY_AWAY, START, MSG_WAY_START_OTHER, MSG_RISK_START},
    {205, WAY_EACH, FORCE, MSG_WAY_CHOOSE, MSG_RISK_LOSE},
    {206, WAY_PRIMARY, START, MSG_WAY_START, MSG_RISK_NONE},
    {206, WAY_AWAY, START, MSG_WAY_START_OTHER, MSG_RISK_START},
    {206, WAY_EACH, APPLY, MSG_WAY_APPLY, MSG_RISK_NONE},
    {206, WAY_EACH, FORCE, MSG_WAY_CHOOSE, MSG_RISK_UNAPPLIED},
    {207, WAY_PRIMARY, START, MSG_WAY_START, MSG_RISK_NONE},
    {207, WAY_AWAY, START, MSG_WAY_START_OTHER, MSG_RISK_START},
    {208, WAY_PRIMARY, START, MSG_WAY_START, MSG_RISK_NONE},
    {208, WAY_AWAY, START, MSG_WAY_START_OTHER, MSG_RISK_START},
    {208, WAY_EACH, FORCE, MSG_WAY_CHOOSE, MSG_RISK_LOSE},
};

static bool concerns(const struct way *way, const struct cluster_state *state, const struct node_state *node) {
    bool primary = text_equal(node->name, state->primary), answers = node->outcome == PROBE_OK;
    switch (way->kind) {
        case WAY_PLAIN:
            return false;
        case WAY_EACH:
            return !primary && answers;
        case WAY_AWAY:
            return !primary && !probe_answered(node->outcome);  // overloaded or refusing us is not stopped
        case WAY_PRIMARY:
            return primary;
        case WAY_OPEN:
            return !primary && answers && !node->read_only;
    }
    return false;
}

static void add(json_t *list, const struct way *way, const char *node, enum lang lang) {
    char command[400];
    const char *hole = strstr(way->command, "{node}");
    if (hole) {
        (void)text_format(command, sizeof command, "%.*s%s%s", (int)(hole - way->command), way->command, node,
                          hole + sizeof "{node}" - 1);
    } else {
        (void)text_copy(command, sizeof command, way->command);
    }
    json_t *json = json_object();
    json_object_set_new(json, "command", api_string(command));
    json_object_set_new(json, "by", json_string(strncmp(command, "docker", 6) == 0 ? "shell" : "command"));
    json_object_set_new(json, "does", api_message(way->does, lang, KVS(KV("node", node))));
    json_object_set_new(json, "risk", api_message(way->risk, lang, KVS(KV("node", node))));
    json_array_append_new(list, json);
}

json_t *api_ways(const struct cluster_state *state, enum lang lang) {
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (ways[i].rule != state->rule) {
            continue;
        }
        if (ways[i].kind == WAY_PLAIN) {
            add(list, &ways[i], "", lang);
        }
        for (size_t n = 0; n < state->node_count; n++) {
            if (concerns(&ways[i], state, &state->nodes[n])) {
                add(list, &ways[i], state->nodes[n].name, lang);
            }
        }
    }
    return list;
}
