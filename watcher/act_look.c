// Last looks at a server before a node is opened, which the probes do not take.
#include "common/accounts.h"
#include "common/mem.h"
#include "common/text.h"
#include "watcher/act_steps.h"

enum { ASK_MS = 3000 };

bool step_nobody_rebuilds(struct db_session *session, struct err *err) {
    AUTO_TEXT char *there = NULL;
    return db_value(session, ASK_MS,
                    "SELECT EXISTS (SELECT 1 FROM performance_schema.threads WHERE PROCESSLIST_USER = '" ACCOUNT_REBUILD
                    "')",
                    &there, err) &&
           (text_equal(there, "0") ||
            err_set(err, ERR_CONFLICT, 0,
                    "db-resync does not answer and has a session there, in which it may go on with a copy: restart it"));
}

bool step_shut_to_all(const struct act_context *context, int node) {
    char address[NODE_HOST_SIZE];
    observe_address(context->observe, (size_t)node, address, sizeof address);
    struct db_login login = {.address = *address ? address : node_host(&context->settings->nodes[node]),
                             .port = context->settings->nodes[node].port,
                             .user = context->settings->repl_user,
                             .password = context->settings->repl_password};
    AUTO_SESSION struct db_session *session = NULL;
    AUTO_TEXT char *closed = NULL;
    struct err ignored = {0};
    return db_open(&login, ASK_MS, &session, &ignored) == PROBE_OK &&
           db_value(session, ASK_MS, "SELECT @@GLOBAL.read_only AND @@GLOBAL.super_read_only", &closed,
                    &ignored) &&
           text_equal(closed, "1");
}
