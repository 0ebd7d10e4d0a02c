#include "common/follow.h"

#include <string.h>

#include "common/mem.h"

char *follow_statement(struct db_session *session, const struct settings *settings, const struct node_address *source,
                       const char *log_file, uint64_t log_position) {
    const char *at = node_source_host(source);
    AUTO_TEXT char *host = db_quote(session, at, strlen(at));
    AUTO_TEXT char *user = db_quote(session, settings->repl_user, strlen(settings->repl_user));
    AUTO_TEXT char *password = db_quote(session, settings->repl_password, strlen(settings->repl_password));
    AUTO_TEXT char *file = db_quote(session, log_file ? log_file : "", log_file ? strlen(log_file) : 0);
    AUTO_TEXT char *from = log_file && *log_file
                               ? mem_format("SOURCE_AUTO_POSITION = 0, SOURCE_LOG_FILE = %s, SOURCE_LOG_POS = %llu",
                                            file, (unsigned long long)log_position)
                               : mem_text("SOURCE_AUTO_POSITION = 1");
    const char *ca = settings->tls_ca_on_servers;
    AUTO_TEXT char *quoted_ca = db_quote(session, ca, strlen(ca));
    AUTO_TEXT char *trust =
        *ca ? mem_format(", SOURCE_SSL_CA = %s, SOURCE_SSL_VERIFY_SERVER_CERT = 1", quoted_ca) : mem_text("");
    // The heartbeat is what a frozen source is told by; a retry count of 0 never gives up.
    return mem_format(
        "CHANGE REPLICATION SOURCE TO SOURCE_HOST = %s, SOURCE_PORT = %u, SOURCE_USER = %s, SOURCE_PASSWORD = %s,"
        " SOURCE_SSL = 1%s, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_HEARTBEAT_PERIOD = 0.5, SOURCE_CONNECT_RETRY = 1,"
        " SOURCE_RETRY_COUNT = 0, %s",
        host, node_source_port(source), user, password, trust, from);
}
