// The connecting half of the MySQL adapter: sessions, deadlines, and what an error means.
#include "common/mysql_real.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <errmsg.h>
#include <mysqld_error.h>

#include "common/clock.h"
#include "common/lookup.h"
#include "common/mem.h"
#include "common/session_pins.h"
#include "common/text.h"

enum {
    CONNECT_SLICE_MS = 2,     // the client does not say whether it waits to read or to write while it connects
    BULK_PACKET_WAIT_S = 60,  // a copy that hears nothing for this long is dead
    OLDEST_SERVER = 80400,
    DISK_FULL_OLD = 1021,  // the numbers of a full disk that the headers do not name
    DISK_FULL_FILE = 20,
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_end_key;

static void thread_end(void *unused) {
    (void)unused;
    mysql_thread_end();
}

static void library_start(void) {
    (void)mysql_library_init(0, NULL, NULL);
    (void)pthread_key_create(&thread_end_key, thread_end);
}

static const char *trusted_ca;  // NULL: any certificate will do

void db_trust(const char *ca_path) {
    trusted_ca = ca_path && *ca_path ? ca_path : NULL;
}

// Errors that mean the connection is gone, whatever the server is.
static bool number_is_loss(unsigned number) {
    return number == CR_SERVER_GONE_ERROR || number == CR_SERVER_LOST || number == CR_SERVER_LOST_EXTENDED ||
           number == CR_CONN_HOST_ERROR || number == CR_SSL_CONNECTION_ERROR || number == CR_MALFORMED_PACKET ||
           number == ER_SERVER_SHUTDOWN || number == CR_COMMANDS_OUT_OF_SYNC || number == CR_UNKNOWN_ERROR ||
           number == ER_NET_READ_ERROR || number == ER_NET_READ_INTERRUPTED || number == ER_CLIENT_INTERACTION_TIMEOUT;
}

static enum err_kind kind_of(unsigned number) {
    if (number_is_loss(number)) {
        return ERR_LOST;
    }
    switch (number) {
        case ER_ACCESS_DENIED_ERROR:
        case ER_ACCESS_DENIED_NO_PASSWORD_ERROR:
        case ER_DBACCESS_DENIED_ERROR:
        case ER_TABLEACCESS_DENIED_ERROR:
        case ER_COLUMNACCESS_DENIED_ERROR:
        case ER_SPECIFIC_ACCESS_DENIED_ERROR:
        case ER_PROCACCESS_DENIED_ERROR:
        case ER_ACCOUNT_HAS_BEEN_LOCKED:
        case ER_MUST_CHANGE_PASSWORD_LOGIN:
        case ER_USER_ACCESS_DENIED_FOR_USER_ACCOUNT_BLOCKED_BY_PASSWORD_LOCK:
        case ER_HOST_IS_BLOCKED:
        case ER_HOST_NOT_PRIVILEGED:
        case ER_SECURE_TRANSPORT_REQUIRED:
            return ERR_DENIED;
        case ER_CON_COUNT_ERROR:
        case ER_TOO_MANY_USER_CONNECTIONS:
        case ER_USER_LIMIT_REACHED:
        case ER_LOCK_WAIT_TIMEOUT:
        case ER_LOCK_DEADLOCK:
            return ERR_BUSY;
        case DISK_FULL_OLD:
        case DISK_FULL_FILE:
        case ER_RECORD_FILE_FULL:
            return ERR_FULL;
        case ER_QUERY_INTERRUPTED:
        case ER_QUERY_TIMEOUT:
            return ERR_TIMEOUT;
        default:
            return ERR_FAILED;
    }
}

// Takes the client's error into *err. A syntax error echoes the statement, which may hold a password: not repeated.
bool session_error(struct db_session *session, struct err *err) {
    unsigned number = mysql_errno(&session->mysql);
    enum err_kind kind = kind_of(number);
    if (kind == ERR_LOST) {
        session->poisoned = true;
    }
    if (number == ER_PARSE_ERROR) {
        return err_set(err, kind, (int)number, "the server does not understand the statement (MySQL error 1064)");
    }
    return err_set(err, kind, (int)number, "%s (MySQL error %u)", mysql_error(&session->mysql), number);
}

bool session_deadline_error(struct db_session *session, int64_t timeout_ms, struct err *err) {
    session->poisoned = true;
    return err_set(err, ERR_TIMEOUT, 0, "no answer within %lld ms", (long long)timeout_ms);
}

// Waits until the socket can be read or the deadline passes; slice_ms > 0 returns true early to let the client look.
bool session_wait(struct db_session *session, int64_t deadline_ms, int slice_ms) {
    int64_t left_ms = deadline_ms - clock_mono_ms();
    if (left_ms <= 0) {
        return false;
    }
    int wait_ms = (int)(left_ms > 3600000 ? 3600000 : left_ms);
    if (slice_ms > 0 && wait_ms > slice_ms) {
        wait_ms = slice_ms;
    }
    struct pollfd slot = {.fd = session->mysql.net.fd, .events = POLLIN};
    (void)poll(&slot, 1, wait_ms);
    return true;
}

static void remember_fd(struct db_session *session) {
    pthread_mutex_lock(&session->lock);
    // Our own descriptor of the same socket: the client closes its own when a connection breaks, and the number may
    // then be another thread's socket, which db_interrupt() must not cut.
    session->fd = fcntl(session->mysql.net.fd, F_DUPFD_CLOEXEC, 0);
    pthread_mutex_unlock(&session->lock);
}

// "Can't connect to MySQL server on 'h:3306' (111)": the number in the end is errno, and says refused from unreachable.
static int errno_in(const char *text) {
    const char *open = strrchr(text, '(');
    return open ? atoi(open + 1) : 0;
}

static enum probe_outcome connect_outcome(struct db_session *session, struct err *err) {
    unsigned number = mysql_errno(&session->mysql);
    (void)session_error(session, err);
    if (number == CR_SSL_CONNECTION_ERROR && strstr(mysql_error(&session->mysql), "certificate verify failed")) {
        // Not the node: another address of its name may be.
        (void)err_set(err, ERR_LOST, (int)number, DB_UNTRUSTED);
        return PROBE_LOST;
    }
    switch (number) {
        case CR_UNKNOWN_HOST:
            (void)err_set(err, ERR_GONE, (int)number, "the name does not resolve");
            return PROBE_GONE;
        case CR_CONN_HOST_ERROR:
        case CR_CONNECTION_ERROR:
            switch (errno_in(mysql_error(&session->mysql))) {
                case ECONNREFUSED:
                    (void)err_set(err, ERR_REFUSED, ECONNREFUSED, "connection refused");
                    return PROBE_REFUSED;
                case ETIMEDOUT:
                    return PROBE_TIMEOUT;
                default:
                    return PROBE_UNREACHABLE;
            }
        case ER_CON_COUNT_ERROR:
        case ER_TOO_MANY_USER_CONNECTIONS:
            return PROBE_OVERLOADED;
        case ER_SERVER_SHUTDOWN:
            return PROBE_CLOSING;
        case ER_SERVER_ISNT_AVAILABLE:
            return PROBE_STARTING;
        case CR_VERSION_ERROR:
        case CR_MALFORMED_PACKET:
        case ER_NOT_SUPPORTED_AUTH_MODE:
        case CR_AUTH_PLUGIN_CANNOT_LOAD:
        case CR_SSL_CONNECTION_ERROR:
            return err && err->number == CR_SSL_CONNECTION_ERROR && session->mysql.server_version ? PROBE_LOST
                                                                                                  : PROBE_UNFIT;
        default:
            return kind_of(number) == ERR_DENIED ? PROBE_DENIED : PROBE_LOST;
    }
}

static enum probe_outcome check_version(struct db_session *session, struct err *err) {
    const char *version = mysql_get_server_info(&session->mysql);
    if (strstr(version, "MariaDB") || mysql_get_server_version(&session->mysql) < OLDEST_SERVER) {
        (void)err_set(err, ERR_INVALID, 0, "server %s is not MySQL 8.4 or newer", version);
        return PROBE_UNFIT;
    }
    return PROBE_OK;
}

static void set_options(struct db_session *session, const struct db_login *login, int64_t timeout_ms) {
    MYSQL *mysql = &session->mysql;
    // The signer, not the name: sessions are opened to numbers, which need not be in a certificate.
    unsigned tls = trusted_ca ? SSL_MODE_VERIFY_CA : SSL_MODE_REQUIRED;
    unsigned whole_s = (unsigned)((timeout_ms + 999) / 1000);
    mysql_options(mysql, MYSQL_OPT_SSL_MODE, &tls);
    mysql_options(mysql, MYSQL_OPT_SSL_CA, trusted_ca);
    mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &whole_s);
    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options4(mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "relevo");
    session_refuse_files(session);
    if (login->terse) {
        bool optional = true;
        mysql_options(mysql, MYSQL_OPT_OPTIONAL_RESULTSET_METADATA, &optional);
    }
    if (session->bulk) {
        unsigned local = 1;
        unsigned packet_s = BULK_PACKET_WAIT_S;
        unsigned long packet_bytes = 1024UL * 1024 * 1024;
        mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &local);
        mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &packet_s);
        mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &packet_s);
        mysql_options(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet_bytes);
        // Also how much LOAD DATA sends at a time; 8 KB otherwise.
        unsigned long buffer_bytes = 256UL * 1024;
        mysql_options(mysql, MYSQL_OPT_NET_BUFFER_LENGTH, &buffer_bytes);
    }
}

static bool connect_async(struct db_session *session, const struct db_login *login, int64_t timeout_ms) {
    int64_t deadline_ms = clock_mono_ms() + timeout_ms;
    for (;;) {
        enum net_async_status status = mysql_real_connect_nonblocking(&session->mysql, login->address, login->user,
                                                                      login->password, NULL, login->port, NULL, 0);
        if (status != NET_ASYNC_NOT_READY) {
            return status == NET_ASYNC_COMPLETE;
        }
        if (!session_wait(session, deadline_ms, CONNECT_SLICE_MS)) {
            session->poisoned = true;
            return false;
        }
    }
}

// --- what the server's defaults may not change ---

// What the caller adds to the pins of its session: one statement for all.
static char *own_assignments(struct db_session *session, const struct db_login *login) {
    const char *value = login->mark ? login->mark : "";
    AUTO_TEXT char *mark = db_quote(session, value, strlen(value));
    AUTO_TEXT char *set_mark = login->mark ? mem_format("@%s = %s", login->mark_name, mark) : mem_text("");
    return mem_format("%s%s%s", set_mark, login->mark && login->terse ? ", " : "",
                      login->terse ? "resultset_metadata = NONE" : "");
}

// A server that no longer knows a variable, or lets nobody set it, has no other default for it either.
static bool is_out_of_use(unsigned number) {
    return number == ER_UNKNOWN_SYSTEM_VARIABLE || number == ER_INCORRECT_GLOBAL_LOCAL_VAR ||
           number == ER_VARIABLE_IS_READONLY;
}

static bool pin_one_by_one(struct db_session *session, int64_t deadline_ms, const char *own, struct err *err) {
    size_t count = 0;
    const struct session_pin *pins = session_pins(&count);
    for (size_t i = 0; i < count; i++) {
        AUTO_TEXT char *sql = mem_format("SET SESSION %s = %s", pins[i].name, pins[i].value);
        struct err why = {0};
        if (!db_exec(session, deadline_ms - clock_mono_ms(), sql, &why) && !is_out_of_use((unsigned)why.number) &&
            !(pins[i].admin && why.number == ER_SPECIFIC_ACCESS_DENIED_ERROR)) {
            return err_set(err, why.kind, why.number, "%s", why.text);
        }
    }
    AUTO_TEXT char *sql = mem_format("SET SESSION %s", own);
    return !*own || db_exec(session, deadline_ms - clock_mono_ms(), sql, err);
}

static bool pin_all(struct db_session *session, int64_t deadline_ms, const char *own, struct err *err) {
    struct err why = {0};
    for (int admin = 1; admin >= 0; admin--) {  // an account that may only read lacks the privilege for some
        AUTO_TEXT char *sql = session_pins_sql(admin, own);
        why = (struct err){0};
        bool ok = db_exec(session, deadline_ms - clock_mono_ms(), sql, &why);
        if (!ok && why.number == ER_VARIABLE_NOT_SETTABLE_IN_TRANSACTION) {  // an init_connect began one
            why = (struct err){0};
            ok = db_exec(session, deadline_ms - clock_mono_ms(), "ROLLBACK AND NO CHAIN NO RELEASE", &why) &&
                 db_exec(session, deadline_ms - clock_mono_ms(), sql, &why);
        }
        if (ok) {
            return true;
        }
        if (why.number != ER_SPECIFIC_ACCESS_DENIED_ERROR) {
            break;
        }
    }
    return is_out_of_use((unsigned)why.number) ? pin_one_by_one(session, deadline_ms, own, err)
                                               : err_set(err, why.kind, why.number, "%s", why.text);
}

static enum probe_outcome pin(struct db_session *session, const struct db_login *login, int64_t deadline_ms,
                              struct err *err) {
    struct err why = {0};
    AUTO_TEXT char *own = own_assignments(session, login);
    bool ok = pin_all(session, deadline_ms, own, &why);
    if (ok) {
        return PROBE_OK;
    }
    (void)err_set(err, why.kind, why.number, "%s", why.text);
    if (why.kind == ERR_TIMEOUT) {
        return PROBE_TIMEOUT;
    }
    enum probe_outcome outcome = connect_outcome(session, &why);
    return outcome == PROBE_LOST && db_alive(session) ? PROBE_ERROR : outcome;
}

static enum probe_outcome open_at(const struct db_login *login, int64_t timeout_ms, struct db_session **ret,
                                  struct err *err) {
    int64_t deadline_ms = clock_mono_ms() + timeout_ms;
    (void)pthread_once(&library_once, library_start);
    (void)pthread_setspecific(thread_end_key, login);
    AUTO_SESSION struct db_session *session = mem_zero(1, sizeof *session);
    session->fd = -1;
    session->bulk = login->bulk;
    pthread_mutex_init(&session->lock, NULL);
    mysql_init(&session->mysql);
    set_options(session, login, timeout_ms);
    bool connected = session->bulk ? mysql_real_connect(&session->mysql, login->address, login->user, login->password,
                                                        NULL, login->port, NULL, 0) != NULL
                                   : connect_async(session, login, timeout_ms);
    if (!connected) {
        if (session->poisoned) {
            (void)session_deadline_error(session, timeout_ms, err);
            return PROBE_TIMEOUT;
        }
        session->poisoned = true;
        return connect_outcome(session, err);
    }
    remember_fd(session);
    enum probe_outcome outcome = check_version(session, err);
    outcome = outcome == PROBE_OK ? pin(session, login, deadline_ms, err) : outcome;
    if (outcome == PROBE_OK) {
        *ret = TAKE(session);
    }
    return outcome;
}

bool db_elsewhere(enum probe_outcome outcome) {
    return outcome == PROBE_REFUSED || outcome == PROBE_UNREACHABLE || outcome == PROBE_TIMEOUT ||
           outcome == PROBE_LOST;
}

// Each address in turn: the client's nonblocking connect takes the first alone. For the name to refuse, all must.
static enum probe_outcome open_any(const struct db_login *login, const struct addrinfo *found, int64_t deadline_ms,
                                   struct db_session **ret, struct err *err) {
    enum probe_outcome outcome = PROBE_GONE;
    int left = 0;
    for (const struct addrinfo *at = found; at; at = at->ai_next) {
        left++;
    }
    for (const struct addrinfo *at = found; at; at = at->ai_next, left--) {
        char address[NI_MAXHOST];
        struct db_login there = *login;
        struct err why = {0};
        if (getnameinfo(at->ai_addr, at->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST) != 0) {
            continue;
        }
        there.address = address;
        int64_t share_ms = (deadline_ms - clock_mono_ms()) / left;
        enum probe_outcome here = open_at(&there, share_ms > 1 ? share_ms : 1, ret, &why);
        if (!db_elsewhere(here) || outcome == PROBE_GONE || outcome == PROBE_REFUSED) {
            outcome = here;
            *err = why;
        }
        if (!db_elsewhere(here)) {
            break;
        }
    }
    return outcome;
}

static bool is_numeric(const char *address) {
    unsigned char bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, address, bytes) == 1 || inet_pton(AF_INET6, address, bytes) == 1;
}

enum probe_outcome db_open(const struct db_login *login, int64_t timeout_ms, struct db_session **ret, struct err *err) {
    if (is_numeric(login->address)) {
        return open_at(login, timeout_ms, ret, err);
    }
    struct err why = {0};
    int64_t deadline_ms = clock_mono_ms() + timeout_ms;
    int code = 0;
    struct lookup *lookup = lookup_begin(login->address, login->port);
    enum probe_outcome outcome = PROBE_TIMEOUT;
    if (!lookup || !lookup_wait(lookup, deadline_ms, &code)) {
        (void)err_set(&why, ERR_TIMEOUT, 0, "the name %s does not resolve in time", login->address);
    } else if (code != 0) {
        (void)err_set(&why, ERR_GONE, 0, "the name %s does not resolve", login->address);
        outcome = PROBE_GONE;
    } else {
        outcome = open_any(login, lookup_addresses(lookup), deadline_ms, ret, &why);
    }
    lookup_leave(lookup);
    if (err && outcome != PROBE_OK) {
        *err = why;
    }
    return outcome;
}

void db_close(struct db_session *session) {
    if (!session) {
        return;
    }
    if (session->poisoned) {
        // A reset, not a farewell: a server that is in the midst of sending rows would wait for room for many minutes,
        // holding its locks.
        struct linger none = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(session->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        db_interrupt(session);  // so that the client's farewell fails at once instead of waiting
    }
    mysql_close(&session->mysql);
    if (session->fd >= 0) {
        (void)close(session->fd);
    }
    pthread_mutex_destroy(&session->lock);
    free(session);
}

bool db_alive(const struct db_session *session) {
    return session && !session->poisoned;
}

int db_fd(const struct db_session *session) {
    return session->fd;
}

uint64_t db_connection_id(const struct db_session *session) {
    return mysql_thread_id((MYSQL *)&session->mysql);
}

const char *db_server_version(const struct db_session *session) {
    return mysql_get_server_info((MYSQL *)&session->mysql);
}

void db_interrupt(struct db_session *session) {
    pthread_mutex_lock(&session->lock);
    if (session->fd >= 0) {
        (void)shutdown(session->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&session->lock);
}

bool db_error_is_loss(const struct err *err) {
    return err->kind == ERR_LOST || err->kind == ERR_TIMEOUT;
}
