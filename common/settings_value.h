// The kinds of value that a setting may have: how the text of the environment becomes a field of struct settings, and
// back. Private to settings*.c.
#pragma once
#include "settings.h"

struct setting;

struct setting_kind {
    bool (*parse)(const struct setting *setting, const char *value, struct settings *ret, struct err *err);
    void (*print)(const struct setting *setting, const struct settings *settings, char *out, size_t size_bytes);
};

struct setting {
    const char *name;
    const struct setting_kind *kind;
    size_t offset, size_bytes;  // of its (first) field in struct settings
    int64_t least, most;
    const char *unit;
    const char *fallback;  // NULL: empty
    const char *allowed;   // for the line that refuses a value
    const char *help[2];   // by enum lang
    unsigned services;     // bit set of those that read it
    unsigned needed_by;    // bit set of those that cannot do without
    bool secret;           // never printed; NAME_FILE is accepted
};

extern const struct setting_kind setting_identifier, setting_nodes, setting_host_name, setting_auto, setting_copy, setting_start,
    setting_mode,
    setting_account, setting_account_or_none, setting_secret, setting_redis, setting_number, setting_limit,
    setting_http, setting_token, setting_hosts, setting_path, setting_path_or_none,
    setting_certificates, setting_lang, setting_log_level;

#define SETTING_SECRET_SIZE 257  // one more than any field holds, so that too long is noticed

// The file's text without its final newline. One line in *err if it cannot be read or is not a secret's text.
bool setting_read_file(const char *name, const char *path, char ret[SETTING_SECRET_SIZE], struct err *err);
