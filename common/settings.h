// What the environment says, checked. One table (settings.c) with name, unit, range, default,
// secret and help, and the services that read it. A *_FILE form reads a secret from a file.
#pragma once
#include <stddef.h>
#include <stdio.h>

#include "err.h"
#include "messages.h"
#include "node.h"

struct settings {
    char cluster[64];
    struct node_address nodes[NODE_MAX];
    size_t node_count;
    char preferred[NODE_NAME_SIZE];  // "" : no node is preferred
    bool failback_auto;
    enum replication_mode mode;
    char control_user[64];
    char control_password[256];
    char resync_password[256];  // of relevo_resync, relevo_reader and relevo_rebuild
    char events_password[256];  // of relevo_events
    char repl_user[64];
    char repl_password[256];
    char tls_ca[256];             // "": a server's certificate is not checked
    char tls_ca_on_servers[256];  // the same file as the MySQL servers see it, for what they fetch from each other
    char redis_host[256];
    uint16_t redis_port;
    char redis_user[64];
    char redis_password[256];
    int64_t probe_ms;
    int64_t silent_ms;
    unsigned failover_limit;    // this many failovers ...
    int64_t lock_grace_ms;      // how long somebody's lock may hold up a promotion
    int64_t failover_limit_ms;  // ... within this long freeze automation
    char http_host[64];
    uint16_t http_port;
    char api_token[256];      // "" : actions are off
    char allowed_hosts[512];  // comma list of Host names besides localhost and IP literals
    char static_dir[256];     // RELEVO_STATIC_DIR: dashboard's files (default /usr/share/relevo/static)
    char rescued_dir[256];    // RELEVO_RESCUED_DIR: where diverged transactions are saved (default
                              // /var/lib/relevo/rescued)
    bool copy_unasked;        // RELEVO_COPY: a node that holds data is copied over without asking a person
    bool watch_first;    // RELEVO_START: nothing is begun with a cluster that is not on record before a person says so
    bool verify_copies;  // compare a node with the primary after a copy
    enum lang lang;
    enum log_level log_level;  // lines below it are not written
};

// Fills *ret from environ-style "NAME=value" strings. On failure one line in *err: which name, what was given (never a
// secret's value), what is allowed. Unknown RELEVO_* names are failures.
bool settings_load(enum service service, const char *const *environment, struct settings *ret, struct err *err);

// The effective table of that service, secrets as "(set)" or "(empty)", then "configuration OK".
void settings_print(enum service service, const struct settings *settings, FILE *out);

// Lossless mode: how many replicas must acknowledge a commit. With the primary they are a majority of the nodes, so
// that a majority of the nodes always holds it. 0 in async mode.
int settings_acks(const struct settings *settings);

// Index of the node with that name, or -1.
int settings_node(const struct settings *settings, const char *name);
