// What a person or a program may ask on …:commands: bare words, or one JSON object
// {"action","node","method","force","id","by"}. Words: failover [NODE] [force], switchover [NODE],
// resync NODE [method=…], cancel NODE, maintenance on|off, ack. The dashboard also reports wrong tokens here, as JSON, for
// it may publish nothing else: {"action":"wrong_tokens","count":12,"from":"10.0.0.7"}. Pure (jansson only).
#pragma once
#include <stddef.h>

#include "err.h"
#include "node.h"

#define COMMAND_BYTES_MAX 4096

#define COMMAND_ACTIONS(X)                                 \
    X(COMMAND_FAILOVER, "failover")                        \
    X(COMMAND_SWITCHOVER, "switchover")                    \
    X(COMMAND_RESYNC, "resync")                            \
    X(COMMAND_CANCEL, "cancel") /* the resync of a node */ \
    X(COMMAND_MAINTENANCE, "maintenance")                  \
    X(COMMAND_ACK, "ack")                                  \
    X(COMMAND_WRONG_TOKENS, "wrong_tokens") /* the dashboard's report, no wish */

#define X(id, name) id,
enum command_action { COMMAND_ACTIONS(X) COMMAND_ACTION_COUNT };
#undef X

struct command {
    enum command_action action;
    char node[NODE_NAME_SIZE];     // "" : the watcher chooses
    enum job_rung method;          // resync only
    bool force;                    // failover only: accept the loss that is explained
    char confirm[NODE_NAME_SIZE];  // with force: the node once more, by its name; the bare words give it by naming the
                                   // node
    bool on;                       // maintenance only
    int64_t count;                 // wrong_tokens only: so many, the last from
    char from[46];                 // this address
    char id[64];                   // "" : none given
    char by[64];                   // "" : unknown
};

const char *command_action_name(enum command_action action);

// Strict: unknown words, keys, types, duplicate keys, non-UTF-8, depth over 4 and over COMMAND_BYTES_MAX are refused
// with a line that says what is allowed. When the JSON carried a usable "id" it is copied to ret->id even on failure,
// so that the refusal can be answered. In JSON, maintenance is {"action":"maintenance","on":true}.
bool command_parse(const char *bytes, size_t length_bytes, struct command *ret, struct err *err);
char *command_encode(const struct command *command);  // heap JSON, what the dashboard publishes
