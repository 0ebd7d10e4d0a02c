#include "node.h"

#include <stddef.h>
#include <string.h>

static bool find_word(const char *const *words, size_t count, const char *text, size_t *ret) {
    for (size_t i = 0; text != NULL && i < count; i++) {
        if (strcmp(words[i], text) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

#define WORD(id, name) [id] = name,

#define NODE_WORDS(type, LIST)                                            \
    static const char *const type##_words[] = {LIST(WORD)};               \
    const char *type##_name(enum type value) {                            \
        size_t count = sizeof type##_words / sizeof type##_words[0];      \
        return (size_t)value < count ? type##_words[(size_t)value] : "?"; \
    }                                                                     \
    bool type##_parse(const char *text, enum type *ret) {                 \
        size_t found = 0;                                                 \
        size_t count = sizeof type##_words / sizeof type##_words[0];      \
        if (!find_word(type##_words, count, text, &found)) {              \
            return false;                                                 \
        }                                                                 \
        *ret = (enum type)found;                                          \
        return true;                                                      \
    }

NODE_WORDS(probe_outcome, PROBE_OUTCOMES)
NODE_WORDS(phase, PHASES)
NODE_WORDS(node_role, NODE_ROLES)
NODE_WORDS(thread_state, THREAD_STATES)
NODE_WORDS(job_rung, JOB_RUNGS)
NODE_WORDS(job_phase, JOB_PHASES)
NODE_WORDS(replication_mode, REPLICATION_MODES)
NODE_WORDS(service, SERVICES)
NODE_WORDS(severity, SEVERITIES)
NODE_WORDS(event_type, EVENT_TYPES)

bool probe_answered(enum probe_outcome outcome) {
    switch (outcome) {
        case PROBE_OK:
        case PROBE_OVERLOADED:
        case PROBE_DENIED:
        case PROBE_UNFIT:
        case PROBE_STARTING:
        case PROBE_ERROR:
            return true;
        case PROBE_REFUSED:
        case PROBE_GONE:
        case PROBE_UNREACHABLE:
        case PROBE_TIMEOUT:
        case PROBE_LOST:
        case PROBE_CLOSING:
            return false;
        case PROBE_NONE:
        case PROBE_OUTCOME_COUNT:
            break;
    }
    return false;
}

const char *node_host(const struct node_address *node) {
    return node->host[0] != '\0' ? node->host : node->name;
}

const char *node_source_host(const struct node_address *node) {
    return node->source_host[0] != '\0' ? node->source_host : node_host(node);
}

uint16_t node_source_port(const struct node_address *node) {
    return node->source_host[0] != '\0' ? node->source_port : node->port;
}

bool node_has_address(const struct node_address *node) {
    return node->host[0] != '\0' || node->source_host[0] != '\0';
}
