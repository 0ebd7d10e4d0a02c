#include "settings_value.h"

#include <errno.h>
#include <string.h>

#include "address.h"
#include "text.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool refuse(const struct setting *setting, const char *value, struct err *err) {
    if (setting->secret) {
        return err_set(err, ERR_INVALID, 0, "%s has a value that is not allowed: %s", setting->name, setting->allowed);
    }
    return err_set(err, ERR_INVALID, 0, "%s=%.80s is not allowed: %s", setting->name, value, setting->allowed);
}

static void *field_of(const struct setting *setting, struct settings *settings) {
    return (char *)settings + setting->offset;
}

static const void *value_of(const struct setting *setting, const struct settings *settings) {
    return (const char *)settings + setting->offset;
}

static bool only(const char *value, const char *characters, size_t least, size_t most) {
    size_t length = strlen(value);
    return length >= least && length <= most && strspn(value, characters) == length;
}

static void print_text(const struct setting *setting, const struct settings *settings, char *out, size_t size_bytes) {
    text_copy(out, size_bytes, value_of(setting, settings));
}

static bool take_text(const struct setting *setting, const char *value, bool fit, struct settings *ret,
                      struct err *err) {
    if (!fit || strlen(value) >= setting->size_bytes) {
        return refuse(setting, value, err);
    }
    return text_copy(field_of(setting, ret), setting->size_bytes, value);
}

static bool parse_identifier(const struct setting *setting, const char *value, struct settings *ret, struct err *err) {
    return take_text(setting, value, only(value, LOWER DIGITS "_", 1, 63), ret, err);
}
const struct setting_kind setting_identifier = {parse_identifier, print_text};

static bool parse_host_name(const struct setting *setting, const char *value, struct settings *ret, struct err *err) {
    return take_text(setting, value, *value == '\0' || address_is_label(value), ret, err);
}
const struct setting_kind setting_host_name = {parse_host_name, print_text};

static bool parse_account(const struct setting *setting, const char *value, struct settings *ret, struct err *err) {
    return take_text(setting, value, only(value, LOWER UPPER DIGITS "_.-", 1, 32), ret, err);
}
const struct setting_kind setting_account = {parse_account, print_text};

static bool parse_account_or_none(const struct setting *setting, const char *value, struct settings *ret,
                                  struct err *err) {
    return take_text(setting, value, only(value, LOWER UPPER DIGITS "_.-", 0, 32), ret, err);
}
const struct setting_kind setting_account_or_none = {parse_account_or_none, print_text};

static bool is_printable(const char *value) {
    for (const char *at = value; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20U || *at == 0x7F) {
            return false;
        }
    }
    return true;
}

static bool parse_secret(const struct setting *setting, const char *value, struct settings *ret, struct err *err) {
    return take_text(setting, value, strlen(value) <= (size_t)setting->most && is_printable(value), ret, err);
}
const struct setting_kind setting_secret = {parse_secret, NULL};

// RFC 6750 b64token: what may stand after "Bearer " in a header.
static bool parse_token(const struct setting *setting, const char *value, struct settings *ret, struct err *err) {
    return take_text(setting, value, only(value, LOWER UPPER DIGITS "-._~+/=", 0, (size_t)setting->most), ret, err);
}
const struct setting_kind setting_token = {parse_token, NULL};

static bool parse_hosts(const struct setting *setting, const char *value, struct settings *ret, struct err *err) {
    return take_text(setting, value, only(value, LOWER UPPER DIGITS "-.,", 0, 511), ret, err);
}
const struct setting_kind setting_hosts = {parse_hosts, print_text};

static bool parse_path(const struct setting *setting, const char *value, struct settings *ret, struct err *err) {
    return take_text(setting, value, value[0] == '/' && is_printable(value), ret, err);
}
const struct setting_kind setting_path = {parse_path, print_text};

static bool parse_path_or_none(const struct setting *setting, const char *value, struct settings *ret,
                               struct err *err) {
    return take_text(setting, value, (*value == '\0' || *value == '/') && is_printable(value), ret, err);
}
const struct setting_kind setting_path_or_none = {parse_path_or_none, print_text};

// Comments may stand before and between certificates.
static bool holds_certificate(FILE *file) {
    char line[256];
    bool begun = false, ended = false;
    while (!ended && fgets(line, sizeof line, file) != NULL) {
        begun = begun || strncmp(line, "-----BEGIN CERTIFICATE-----", 27) == 0;
        ended = begun && strncmp(line, "-----END CERTIFICATE-----", 25) == 0;
    }
    return ended;
}

// Looked into at the start, so that a wrong file is an error with its name and not a cluster that nobody answers in.
static bool parse_certificates(const struct setting *setting, const char *value, struct settings *ret,
                               struct err *err) {
    if (!parse_path_or_none(setting, value, ret, err)) {
        return false;
    }
    if (*value == '\0') {
        return true;
    }
    FILE *file = fopen(value, "re");
    if (file == NULL) {
        return err_set(err, ERR_INVALID, errno, "%s: cannot open %.120s: %s", setting->name, value, strerror(errno));
    }
    bool fit = holds_certificate(file);
    fclose(file);
    return fit || err_set(err, ERR_INVALID, 0, "%s: %.120s holds no PEM certificate", setting->name, value);
}
const struct setting_kind setting_certificates = {parse_certificates, print_text};

static bool parse_number(const struct setting *setting, const char *value, struct settings *ret, struct err *err) {
    int64_t number = 0;
    if (!text_to_i64(value, &number) || number < setting->least || number > setting->most) {
        return refuse(setting, value, err);
    }
    *(int64_t *)field_of(setting, ret) = number;
    return true;
}
static void print_number(const struct setting *setting, const struct settings *settings, char *out, size_t size_bytes) {
    text_format(out, size_bytes, "%lld", (long long)*(const int64_t *)value_of(setting, settings));
}
const struct setting_kind setting_number = {parse_number, print_number};

static bool parse_redis(const struct setting *setting, const char *value, struct settings *ret, struct err *err) {
    return address_split(value, 0, ret->redis_host, sizeof ret->redis_host, &ret->redis_port) ||
           refuse(setting, value, err);
}
static bool parse_http(const struct setting *setting, const char *value, struct settings *ret, struct err *err) {
    return address_split(value, 0, ret->http_host, sizeof ret->http_host, &ret->http_port) ||
           refuse(setting, value, err);
}
static void print_redis(const struct setting *setting, const struct settings *settings, char *out, size_t size_bytes) {
    (void)setting;
    address_print(settings->redis_host, settings->redis_port, out, size_bytes);
}
static void print_http(const struct setting *setting, const struct settings *settings, char *out, size_t size_bytes) {
    (void)setting;
    address_print(settings->http_host, settings->http_port, out, size_bytes);
}
const struct setting_kind setting_redis = {parse_redis, print_redis};
const struct setting_kind setting_http = {parse_http, print_http};

// The state keeps the times of the last failovers in one bounded field; 30 of them fit.
#define LIMIT_MOST 30
#define LIMIT_SECONDS_MOST 86400

static bool parse_limit(const struct setting *setting, const char *value, struct settings *ret, struct err *err) {
    char count_text[8];
    char period_text[16];
    const char *slash = strchr(value, '/');
    size_t length = strlen(value);
    if (slash == NULL || value[length - 1] != 's' || slash - value > 4 || value + length - slash > 10) {
        return refuse(setting, value, err);
    }
    text_format(count_text, sizeof count_text, "%.*s", (int)(slash - value), value);
    text_format(period_text, sizeof period_text, "%.*s", (int)(value + length - slash - 2), slash + 1);
    uint64_t count = 0;
    uint64_t seconds = 0;
    if (!text_to_u64(count_text, &count) || !text_to_u64(period_text, &seconds) || count < 1 || count > LIMIT_MOST ||
        seconds < 1 || seconds > LIMIT_SECONDS_MOST) {
        return refuse(setting, value, err);
    }
    ret->failover_limit = (unsigned)count;
    ret->failover_limit_ms = (int64_t)seconds * 1000;
    return true;
}
static void print_limit(const struct setting *setting, const struct settings *settings, char *out, size_t size_bytes) {
    (void)setting;
    text_format(out, size_bytes, "%u/%llds", settings->failover_limit, (long long)settings->failover_limit_ms / 1000);
}
const struct setting_kind setting_limit = {parse_limit, print_limit};

static bool choose(const struct setting *setting, const char *value, const char *const *words, size_t count,
                   size_t *ret, struct err *err) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(value, words[i]) == 0) {
            *ret = i;
            return true;
        }
    }
    return refuse(setting, value, err);
}

// Two words, of which the second means true.
#define WORDS(name, no, yes)                                                                                            \
    static const char *const name##_words[] = {no, yes};                                                               \
    static bool parse_##name(const struct setting *setting, const char *value, struct settings *ret, struct err *err) { \
        size_t word = 0;                                                                                                \
        bool fit = choose(setting, value, name##_words, 2, &word, err);                                                 \
        *(bool *)field_of(setting, ret) = fit && word == 1;                                                             \
        return fit;                                                                                                     \
    }                                                                                                                   \
    static void print_##name(const struct setting *setting, const struct settings *settings, char *out,                 \
                             size_t size_bytes) {                                                                       \
        text_copy(out, size_bytes, name##_words[*(const bool *)value_of(setting, settings) ? 1 : 0]);                   \
    }                                                                                                                   \
    const struct setting_kind setting_##name = {parse_##name, print_##name};
WORDS(auto, "manual", "auto")
WORDS(copy, "ask", "auto")
WORDS(start, "auto", "watch")
#undef WORDS

static bool parse_mode(const struct setting *setting, const char *value, struct settings *ret, struct err *err) {
    return replication_mode_parse(value, &ret->mode) || refuse(setting, value, err);
}
static void print_mode(const struct setting *setting, const struct settings *settings, char *out, size_t size_bytes) {
    (void)setting;
    text_copy(out, size_bytes, replication_mode_name(settings->mode));
}
const struct setting_kind setting_mode = {parse_mode, print_mode};

static const char *const lang_words[] = {[LANG_ES] = "es", [LANG_EN] = "en"};
static bool parse_lang(const struct setting *setting, const char *value, struct settings *ret, struct err *err) {
    size_t word = 0;
    if (!choose(setting, value, lang_words, 2, &word, err)) {
        return false;
    }
    ret->lang = (enum lang)word;
    return true;
}
static void print_lang(const struct setting *setting, const struct settings *settings, char *out, size_t size_bytes) {
    (void)setting;
    text_copy(out, size_bytes, lang_words[settings->lang]);
}
const struct setting_kind setting_lang = {parse_lang, print_lang};

static const char *const level_words[] = {
    [LOG_LEVEL_DEBUG] = "debug", [LOG_LEVEL_INFO] = "info", [LOG_LEVEL_WARN] = "warn", [LOG_LEVEL_ERROR] = "error"};
static bool parse_log_level(const struct setting *setting, const char *value, struct settings *ret, struct err *err) {
    size_t word = 0;
    if (!choose(setting, value, level_words, 4, &word, err)) {
        return false;
    }
    ret->log_level = (enum log_level)word;
    return true;
}
static void print_log_level(const struct setting *setting, const struct settings *settings, char *out,
                            size_t size_bytes) {
    (void)setting;
    text_copy(out, size_bytes, level_words[settings->log_level]);
}
const struct setting_kind setting_log_level = {parse_log_level, print_log_level};

bool setting_read_file(const char *name, const char *path, char ret[SETTING_SECRET_SIZE], struct err *err) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return err_set(err, ERR_INVALID, errno, "%s_FILE: cannot open %.120s: %s", name, path, strerror(errno));
    }
    char bytes[SETTING_SECRET_SIZE + 1];
    size_t length = fread(bytes, 1, sizeof bytes - 1, file);
    int number = ferror(file) ? errno : 0;
    fclose(file);
    bytes[length] = '\0';
    if (number != 0) {
        return err_set(err, ERR_INVALID, number, "%s_FILE: cannot read %.120s: %s", name, path, strerror(number));
    }
    if (length > 0 && bytes[length - 1] == '\n') {
        bytes[--length] = '\0';
    }
    if (length > 0 && bytes[length - 1] == '\r') {
        bytes[--length] = '\0';
    }
    bool fit = strlen(bytes) == length && length > 0 && length < SETTING_SECRET_SIZE - 1;
    text_copy(ret, SETTING_SECRET_SIZE, fit ? bytes : "");
    explicit_bzero(bytes, sizeof bytes);
    if (!fit) {
        return err_set(err, ERR_INVALID, 0, "%s_FILE: %.120s must hold one line of 1 to 255 bytes", name, path);
    }
    return true;
}
