#include "settings.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "settings_value.h"
#include "text.h"

#define WATCHER (1U << SERVICE_WATCHER)
#define RESYNC (1U << SERVICE_RESYNC)
#define DASHBOARD (1U << SERVICE_DASHBOARD)
#define ALL (WATCHER | RESYNC | DASHBOARD)

#define MEMBER(member) .offset = offsetof(struct settings, member), .size_bytes = sizeof((struct settings *)0)->member

// The order is that of --check.
static const struct setting settings_table[] = {
    {.name = "RELEVO_CLUSTER",
     MEMBER(cluster),
     .kind = &setting_identifier,
     .services = ALL,
     .fallback = "appdb",
     .allowed = "1 to 63 of a-z 0-9 _",
     .help = {"nombre del clúster y del esquema de system_events",
              "name of the cluster and of the schema of system_events"}},
    {.name = "RELEVO_NODES",
     MEMBER(nodes),
     .kind = &setting_nodes,
     .services = ALL,
     .fallback = "mysql-primary:3306,mysql-replica:3306",
     .allowed = "1 to 9 of name[:port] or name=address[:port], each with or without /repl=address[:port], by commas",
     .help = {"los servidores MySQL: nombre, dirección y, si es otra, la de la replicación",
              "the MySQL servers: name, address and, if that is another, the one for replication"}},
    {.name = "RELEVO_PREFERRED",
     MEMBER(preferred),
     .kind = &setting_host_name,
     .services = ALL,
     .fallback = "",
     .allowed = "one of RELEVO_NODES, or empty",
     .help = {"quién debe ser primario si todo va bien", "who should be primary when all is well"}},
    {.name = "RELEVO_FAILBACK",
     MEMBER(failback_auto),
     .kind = &setting_auto,
     .services = WATCHER,
     .fallback = "auto",
     .allowed = "auto or manual",
     .help = {"devolver el primario al nodo preferido", "hand primary back to the preferred node"}},
    {.name = "RELEVO_MODE",
     MEMBER(mode),
     .kind = &setting_mode,
     .services = ALL,
     .fallback = "async",
     .allowed = "async or lossless",
     .help = {"lossless: ningún commit confirmado se pierde", "lossless: no acknowledged commit is lost"}},
    {.name = "RELEVO_CONTROL_USER",
     MEMBER(control_user),
     .kind = &setting_account,
     .services = WATCHER,
     .fallback = "relevo",
     .allowed = "1 to 32 of A-Z a-z 0-9 _ . -",
     .help = {"cuenta de MySQL con la que Relevo gobierna", "MySQL account that Relevo governs with"}},
    {.name = "RELEVO_CONTROL_PASSWORD",
     MEMBER(control_password),
     .kind = &setting_secret,
     .most = 255,
     .services = WATCHER,
     .needed_by = WATCHER,
     .secret = true,
     .allowed = "1 to 255 printable bytes",
     .help = {"su contraseña", "its password"}},
    {.name = "RELEVO_RESYNC_PASSWORD",
     MEMBER(resync_password),
     .kind = &setting_secret,
     .most = 255,
     .services = RESYNC,
     .needed_by = RESYNC,
     .secret = true,
     .allowed = "1 to 255 printable bytes",
     .help = {"contraseña de relevo_resync, relevo_reader y relevo_rebuild",
              "password of relevo_resync, relevo_reader and relevo_rebuild"}},
    {.name = "RELEVO_EVENTS_PASSWORD",
     MEMBER(events_password),
     .kind = &setting_secret,
     .most = 255,
     .services = WATCHER | RESYNC,
     .needed_by = WATCHER | RESYNC,
     .secret = true,
     .allowed = "1 to 255 printable bytes",
     .help = {"contraseña de relevo_events", "password of relevo_events"}},
    {.name = "RELEVO_REPL_USER",
     MEMBER(repl_user),
     .kind = &setting_account,
     .services = WATCHER | RESYNC,
     .fallback = "repl",
     .allowed = "1 to 32 of A-Z a-z 0-9 _ . -",
     .help = {"cuenta de MySQL de la replicación", "MySQL account of replication"}},
    // CHANGE REPLICATION SOURCE refuses longer passwords.
    {.name = "RELEVO_REPL_PASSWORD",
     MEMBER(repl_password),
     .kind = &setting_secret,
     .most = 32,
     .services = WATCHER | RESYNC,
     .needed_by = WATCHER | RESYNC,
     .secret = true,
     .allowed = "1 to 32 printable bytes (MySQL's limit for replication)",
     .help = {"su contraseña", "its password"}},
    {.name = "RELEVO_TLS_CA",
     MEMBER(tls_ca),
     .kind = &setting_certificates,
     .services = WATCHER | RESYNC,
     .fallback = "",
     .allowed = "the absolute path of a file of PEM certificates, or empty",
     .help = {"la CA que firma a los servidores MySQL; sin ella no se comprueba quién responde",
              "the CA that signs the MySQL servers; without it nobody checks who answers"}},
    {.name = "RELEVO_TLS_CA_ON_SERVERS",
     MEMBER(tls_ca_on_servers),
     .kind = &setting_path_or_none,
     .services = WATCHER | RESYNC,
     .fallback = "",
     .allowed = "an absolute path, or empty for that of RELEVO_TLS_CA",
     .help = {"dónde la tienen los servidores, para replicar y clonar", "where the servers have it, to replicate and clone"}},
    {.name = "RELEVO_REDIS",
     MEMBER(redis_host),
     .kind = &setting_redis,
     .services = ALL,
     .fallback = "redis:6379",
     .allowed = "host:port",
     .help = {"dónde está Redis", "where Redis is"}},
    {.name = "RELEVO_REDIS_USER",
     MEMBER(redis_user),
     .kind = &setting_account_or_none,
     .services = ALL,
     .fallback = "",
     .allowed = "up to 32 of A-Z a-z 0-9 _ . -, empty for Redis' default user",
     .help = {"usuario de Redis", "Redis user"}},
    {.name = "RELEVO_REDIS_PASSWORD",
     MEMBER(redis_password),
     .kind = &setting_secret,
     .most = 255,
     .services = ALL,
     .needed_by = WATCHER | RESYNC,
     .secret = true,
     .allowed = "1 to 255 printable bytes",
     .help = {"su contraseña", "its password"}},
    {.name = "RELEVO_PROBE_MS",
     MEMBER(probe_ms),
     .kind = &setting_number,
     .unit = "ms",
     .least = 20,
     .most = 5000,
     .services = ALL,
     .fallback = "100",
     .allowed = "20 to 5000 ms",
     .help = {"cada cuánto se sondea un nodo", "how often a node is probed"}},
    {.name = "RELEVO_SILENT_MS",
     MEMBER(silent_ms),
     .kind = &setting_number,
     .unit = "ms",
     .least = 500,
     .most = 600000,
     .services = ALL,
     .fallback = "3000",
     .allowed = "500 to 600000 ms",
     .help = {"silencio tras el que un primario se da por perdido", "silence after which a primary counts as lost"}},
    {.name = "RELEVO_LOCK_GRACE_MS",
     MEMBER(lock_grace_ms),
     .kind = &setting_number,
     .unit = "ms",
     .least = 0,
     .most = 86400000,
     .services = WATCHER,
     .fallback = "1000",
     .allowed = "0 to 86400000 ms",
     .help = {"cuánto puede frenar una promoción el bloqueo de otra sesión antes de que se termine esa sesión",
              "how long another session's lock may hold up a promotion before that session is ended"}},
    {.name = "RELEVO_FAILOVER_LIMIT",
     MEMBER(failover_limit),
     .kind = &setting_limit,
     .services = WATCHER,
     .fallback = "12/300s",
     .allowed = "COUNT/PERIOD: 1 to 30 failovers in 1s to 86400s, as 12/300s",
     .help = {"más conmutaciones congelan la automatización hasta «ack»",
              "more failovers freeze automation until \"ack\""}},
    {.name = "RELEVO_HTTP",
     MEMBER(http_host),
     .kind = &setting_http,
     .services = DASHBOARD,
     .fallback = "0.0.0.0:8000",
     .allowed = "address:port",
     .help = {"dónde escucha la API", "where the API listens"}},
    {.name = "RELEVO_API_TOKEN",
     MEMBER(api_token),
     .kind = &setting_token,
     .most = 255,
     .services = DASHBOARD,
     .secret = true,
     .allowed = "up to 255 of A-Z a-z 0-9 - . _ ~ + / =",
     .help = {"clave de las acciones; sin ella no hay", "token of the actions; without it they are off"}},
    {.name = "RELEVO_ALLOWED_HOSTS",
     MEMBER(allowed_hosts),
     .kind = &setting_hosts,
     .services = DASHBOARD,
     .fallback = "",
     .allowed = "host names by commas",
     .help = {"nombres, además de localhost, que un navegador puede usar",
              "names besides localhost that a browser may use"}},
    {.name = "RELEVO_STATIC_DIR",
     MEMBER(static_dir),
     .kind = &setting_path,
     .services = DASHBOARD,
     .fallback = "/usr/share/relevo/static",
     .allowed = "an absolute path",
     .help = {"los ficheros de la página", "the files of the page"}},
    {.name = "RELEVO_RESCUED_DIR",
     MEMBER(rescued_dir),
     .kind = &setting_path,
     .services = RESYNC | DASHBOARD,
     .fallback = "/var/lib/relevo/rescued",
     .allowed = "an absolute path",
     .help = {"dónde se guardan las transacciones rescatadas", "where rescued transactions are kept"}},
    {.name = "RELEVO_VERIFY",
     MEMBER(verify_copies),
     .kind = &setting_auto,
     .services = RESYNC,
     .fallback = "auto",
     .allowed = "auto or manual",
     .help = {"comparar con el primario tras cada copia", "compare with the primary after each copy"}},
    {.name = "RELEVO_COPY",
     MEMBER(copy_unasked),
     .kind = &setting_copy,
     .services = WATCHER | RESYNC,
     .fallback = "ask",
     .allowed = "auto or ask",
     .help = {"ask: nadie pierde sus datos por una copia sin que lo diga una persona",
              "ask: no node loses its data to a copy unless a person says so"}},
    {.name = "RELEVO_START",
     MEMBER(watch_first),
     .kind = &setting_start,
     .services = WATCHER,
     .fallback = "auto",
     .allowed = "auto or watch",
     .help = {"watch: con un clúster que aún no consta no se empieza nada hasta «ack»",
              "watch: with a cluster that is not on record nothing is begun before \"ack\""}},
    {.name = "RELEVO_LANG",
     MEMBER(lang),
     .kind = &setting_lang,
     .services = ALL,
     .fallback = "es",
     .allowed = "es or en",
     .help = {"idioma de los mensajes", "language of the messages"}},
    {.name = "RELEVO_LOG_LEVEL",
     MEMBER(log_level),
     .kind = &setting_log_level,
     .services = ALL,
     .fallback = "info",
     .allowed = "debug, info, warn or error",
     .help = {"desde qué nivel se escribe", "the least level that is written"}},
};

#define TABLE_COUNT (sizeof settings_table / sizeof settings_table[0])
#define PREFIX "RELEVO_"
#define FILE_SUFFIX "_FILE"

static const char *environment_value(const char *const *environment, const char *name, const char *suffix) {
    size_t name_length = strlen(name);
    size_t suffix_length = strlen(suffix);
    for (size_t i = 0; environment[i] != NULL; i++) {
        const char *at = environment[i];
        if (strncmp(at, name, name_length) == 0 && strncmp(at + name_length, suffix, suffix_length) == 0 &&
            at[name_length + suffix_length] == '=') {
            return at + name_length + suffix_length + 1;
        }
    }
    return NULL;
}

// Compose passes `${NAME:-}` as an empty value: it counts as not set.
static const char *given(const char *const *environment, const char *name, const char *suffix) {
    const char *value = environment_value(environment, name, suffix);
    return value != NULL && *value != '\0' ? value : NULL;
}

// Edit distance, small and total: names are short.
static unsigned distance(const char *a, const char *b) {
    unsigned row[64];
    size_t b_length = strnlen(b, 63);
    for (unsigned j = 0; j <= b_length; j++) {
        row[j] = j;
    }
    for (unsigned i = 1; a[i - 1] != '\0'; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            unsigned replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            unsigned shorter = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = replaced < shorter ? replaced : shorter;
        }
    }
    return row[b_length];
}

static bool known(const char *name, const char **ret_nearest) {
    unsigned best = UINT32_MAX;
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        const struct setting *setting = &settings_table[i];
        char file_name[64];
        text_format(file_name, sizeof file_name, "%s%s", setting->name, FILE_SUFFIX);
        if (strcmp(name, setting->name) == 0 || (setting->secret && strcmp(name, file_name) == 0)) {
            return true;
        }
        bool begins_it =
            strncmp(name, setting->name, strlen(name)) == 0;  // RELEVO_PROBE is nearer to …_MS than to _MODE
        unsigned far = begins_it ? 1 : distance(name, setting->name);
        if (far < best) {
            best = far;
            *ret_nearest = setting->name;
        }
    }
    return false;
}

static bool check_names(const char *const *environment, struct err *err) {
    for (size_t i = 0; environment[i] != NULL; i++) {
        if (strncmp(environment[i], PREFIX, sizeof PREFIX - 1) != 0) {
            continue;
        }
        char name[64];
        size_t length = strcspn(environment[i], "=");
        text_format(name, sizeof name, "%.*s", (int)(length < 63 ? length : 63), environment[i]);
        const char *nearest = "";
        if (!known(name, &nearest)) {
            return err_set(err, ERR_INVALID, 0, "%s is not a setting: did you mean %s?", name, nearest);
        }
    }
    return true;
}

static bool load_one(const struct setting *setting, enum service service, const char *const *environment,
                     struct settings *ret, struct err *err) {
    bool reads = (setting->services & (1U << service)) != 0;
    const char *value = reads ? given(environment, setting->name, "") : NULL;
    const char *path = reads && setting->secret ? given(environment, setting->name, FILE_SUFFIX) : NULL;
    if (value != NULL && path != NULL) {
        return err_set(err, ERR_INVALID, 0, "%s and %s_FILE are both set: set one", setting->name, setting->name);
    }
    char from_file[SETTING_SECRET_SIZE] = "";
    if (path != NULL) {
        if (!setting_read_file(setting->name, path, from_file, err)) {
            return false;
        }
        value = from_file;
    }
    bool ok = setting->kind->parse(setting,
                                   value != NULL       ? value
                                   : setting->fallback ? setting->fallback
                                                       : "",
                                   ret, err);
    explicit_bzero(from_file, sizeof from_file);
    if (ok && (setting->needed_by & (1U << service)) != 0 && *((const char *)ret + setting->offset) == '\0') {
        return err_set(err, ERR_INVALID, 0, "%s is needed: set it, or %s_FILE to the path of a file that holds it",
                       setting->name, setting->name);
    }
    return ok;
}

static bool check_together(const struct settings *settings, struct err *err) {
    if (settings->preferred[0] != '\0' && settings_node(settings, settings->preferred) < 0) {
        return err_set(err, ERR_INVALID, 0, "RELEVO_PREFERRED=%s is not in RELEVO_NODES", settings->preferred);
    }
    if (settings->silent_ms < 2 * settings->probe_ms) {
        return err_set(err, ERR_INVALID, 0, "RELEVO_SILENT_MS=%lld must be at least twice RELEVO_PROBE_MS=%lld",
                       (long long)settings->silent_ms, (long long)settings->probe_ms);
    }
    return true;
}

bool settings_load(enum service service, const char *const *environment, struct settings *ret, struct err *err) {
    if (!check_names(environment, err)) {
        return false;
    }
    struct settings loaded = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < TABLE_COUNT; i++) {
        ok = load_one(&settings_table[i], service, environment, &loaded, err);
    }
    if (loaded.tls_ca_on_servers[0] == '\0') {
        text_copy(loaded.tls_ca_on_servers, sizeof loaded.tls_ca_on_servers, loaded.tls_ca);
    }
    if (ok && check_together(&loaded, err)) {
        *ret = loaded;
    } else {
        ok = false;
    }
    explicit_bzero(&loaded, sizeof loaded);
    return ok;
}

#define SHOWN_SIZE 6000  // nine nodes with two long names each

static void shown(const struct setting *setting, const struct settings *settings, char out[SHOWN_SIZE]) {
    if (setting->secret) {
        bool set = *((const char *)settings + setting->offset) != '\0';
        text_copy(out, SHOWN_SIZE, set ? "(set)" : "(empty)");
    } else {
        setting->kind->print(setting, settings, out, SHOWN_SIZE);
        if (out[0] == '\0') {
            text_copy(out, SHOWN_SIZE, "(empty)");
        }
    }
}

void settings_print(enum service service, const struct settings *settings, FILE *out) {
    int name_width = 0;
    int value_width = 0;
    char value[SHOWN_SIZE];
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        const struct setting *setting = &settings_table[i];
        if ((setting->services & (1U << service)) != 0) {
            shown(setting, settings, value);
            int name_length = (int)strlen(setting->name);
            int value_length = (int)strlen(value);
            name_width = name_length > name_width ? name_length : name_width;
            value_width = value_length > value_width ? value_length : value_width;
        }
    }
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        const struct setting *setting = &settings_table[i];
        if ((setting->services & (1U << service)) != 0) {
            shown(setting, settings, value);
            fprintf(out, "%-*s  %-*s  %-2s  %s\n", name_width, setting->name, value_width, value,
                    setting->unit ? setting->unit : "", setting->help[settings->lang]);
        }
    }
    fprintf(out, "configuration OK\n");
}

int settings_acks(const struct settings *settings) {
    return settings->mode == MODE_LOSSLESS ? (int)settings->node_count / 2 : 0;
}

int settings_node(const struct settings *settings, const char *name) {
    for (size_t i = 0; i < settings->node_count; i++) {
        if (text_equal(settings->nodes[i].name, name)) {
            return (int)i;
        }
    }
    return -1;
}
