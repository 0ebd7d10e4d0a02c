#include "command.h"

#include <string.h>

#include "doc.h"
#include "mem.h"
#include "text.h"

#define DEPTH_MAX 4
#define ACTIONS_ALLOWED "failover, switchover, resync, cancel, maintenance or ack"
#define METHODS_ALLOWED "auto, catchup, rewind, clone, dump or verify"

static const char *const action_words[] = {
#define X(id, name) [id] = name,
    COMMAND_ACTIONS(X)
#undef X
};
_Static_assert(sizeof action_words / sizeof action_words[0] == COMMAND_ACTION_COUNT, "every action has a word");

const char *command_action_name(enum command_action action) {
    return (unsigned)action < COMMAND_ACTION_COUNT ? action_words[action] : "?";
}

// What somebody wrote, short enough for an error line.
struct excerpt {
    char text[44];
};

static struct excerpt excerpt_of(const char *text) {
    struct excerpt excerpt;
    (void)text_copy(excerpt.text, sizeof excerpt.text, text);
    return excerpt;
}

static bool parse_action(const char *text, enum command_action *ret, struct err *err) {
    for (unsigned i = 0; i < COMMAND_ACTION_COUNT; i++) {
        if (strcmp(text, action_words[i]) == 0) {
            *ret = (enum command_action)i;
            return true;
        }
    }
    return err_set(err, ERR_INVALID, 0, "unknown action \"%s\": %s", excerpt_of(text).text, ACTIONS_ALLOWED);
}

static bool parse_node(const char *text, char ret[NODE_NAME_SIZE], struct err *err) {
    size_t length = strlen(text);
    size_t good = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
    if (length == 0 || length >= NODE_NAME_SIZE || good != length) {
        return err_set(err, ERR_INVALID, 0, "\"%s\" cannot be the name of a node", excerpt_of(text).text);
    }
    return text_copy(ret, NODE_NAME_SIZE, text);
}

static bool parse_method(const char *text, enum job_rung *ret, struct err *err) {
    return job_rung_parse(text, ret) ||
           err_set(err, ERR_INVALID, 0, "unknown method \"%s\": %s", excerpt_of(text).text, METHODS_ALLOWED);
}

// What each action takes besides id and by.
enum { TAKES_NODE = 1, NEEDS_NODE = 2, TAKES_METHOD = 4, TAKES_FORCE = 8, NEEDS_ON = 16, NEEDS_COUNT = 32 };

static unsigned grammar(enum command_action action) {
    switch (action) {
        case COMMAND_FAILOVER:
            return TAKES_NODE | TAKES_FORCE;
        case COMMAND_SWITCHOVER:
            return TAKES_NODE;
        case COMMAND_RESYNC:
            return TAKES_NODE | NEEDS_NODE | TAKES_METHOD;
        case COMMAND_CANCEL:
            return TAKES_NODE | NEEDS_NODE;
        case COMMAND_MAINTENANCE:
            return NEEDS_ON;
        case COMMAND_WRONG_TOKENS:
            return NEEDS_COUNT;
        case COMMAND_ACK:
        case COMMAND_ACTION_COUNT:
            return 0;
    }
    return 0;
}

static const char *usage(enum command_action action) {
    switch (action) {
        case COMMAND_FAILOVER:
            return "failover [NODE] [force]";
        case COMMAND_SWITCHOVER:
            return "switchover [NODE]";
        case COMMAND_RESYNC:
            return "resync NODE [method=auto|catchup|rewind|clone|dump|verify]";
        case COMMAND_CANCEL:
            return "cancel NODE";
        case COMMAND_MAINTENANCE:
            return "maintenance on|off";
        case COMMAND_ACK:
            return "ack";
        case COMMAND_WRONG_TOKENS:
            return "{\"action\":\"wrong_tokens\",\"count\":NUMBER,\"from\":ADDRESS}";
        case COMMAND_ACTION_COUNT:
            return "";
    }
    return "";
}

// ---- bare words ----------------------------------------------------------------------------------------------------

static bool take_word(const char *word, struct command *command, bool *on_given, struct err *err) {
    unsigned takes = grammar(command->action);
    if ((takes & NEEDS_ON) != 0 && !*on_given && (strcmp(word, "on") == 0 || strcmp(word, "off") == 0)) {
        command->on = strcmp(word, "on") == 0;
        *on_given = true;
        return true;
    }
    if ((takes & TAKES_FORCE) != 0 && !command->force && strcmp(word, "force") == 0) {
        command->force = true;
        return true;
    }
    if ((takes & TAKES_METHOD) != 0 && command->method == RUNG_AUTO && strncmp(word, "method=", 7) == 0) {
        return parse_method(word + 7, &command->method, err);
    }
    if ((takes & TAKES_NODE) != 0 && command->node[0] == '\0' && strchr(word, '=') == NULL) {
        return parse_node(word, command->node, err);
    }
    return err_set(err, ERR_INVALID, 0, "\"%s\" is not understood: %s", excerpt_of(word).text, usage(command->action));
}

static bool complete(const struct command *command, bool on_given, struct err *err) {
    unsigned needs = grammar(command->action);
    if ((needs & NEEDS_NODE) != 0 && command->node[0] == '\0') {
        return err_set(err, ERR_INVALID, 0, "a node is missing: %s", usage(command->action));
    }
    if ((needs & NEEDS_ON) != 0 && !on_given) {
        return err_set(err, ERR_INVALID, 0, "on or off is missing: %s", usage(command->action));
    }
    if ((needs & NEEDS_COUNT) != 0 && (command->count == 0 || command->from[0] == '\0')) {
        return err_set(err, ERR_INVALID, 0, "a count or an address is missing: %s", usage(command->action));
    }
    return true;
}

static bool parse_words(char *text, struct command *command, struct err *err) {
    static const char blanks[] = " \t\r\n";
    char *rest = NULL;
    const char *word = strtok_r(text, blanks, &rest);
    if (word == NULL) {
        return err_set(err, ERR_INVALID, 0, "empty: %s", ACTIONS_ALLOWED);
    }
    if (!parse_action(word, &command->action, err)) {
        return false;
    }
    bool on_given = false;
    while ((word = strtok_r(NULL, blanks, &rest)) != NULL) {
        if (!take_word(word, command, &on_given, err)) {
            return false;
        }
    }
    return complete(command, on_given, err);
}

// ---- JSON ----------------------------------------------------------------------------------------------------------

static bool is_printable(const char *text) {
    for (const char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20U || *at == 0x7F) {
            return false;
        }
    }
    return true;
}

// A label that is carried along: id, by.
static bool get_label(const json_t *object, const char *key, char *ret, size_t size_bytes, struct err *err) {
    char label[64] = "";
    if (!doc_get_name(object, key, label, sizeof label, err)) {
        return false;
    }
    if (!is_printable(label)) {
        return err_set(err, ERR_INVALID, 0, "\"%s\" has a control character", key);
    }
    return text_copy(ret, size_bytes, label);
}

static bool check_keys(const json_t *object, enum command_action action, struct err *err) {
    unsigned takes = grammar(action);
    const char *key = NULL;
    const json_t *value = NULL;
    json_object_foreach((json_t *)object, key, value) {
        bool fits = strcmp(key, "action") == 0 || strcmp(key, "id") == 0 || strcmp(key, "by") == 0 ||
                    ((takes & TAKES_NODE) != 0 && strcmp(key, "node") == 0) ||
                    ((takes & TAKES_METHOD) != 0 && strcmp(key, "method") == 0) ||
                    ((takes & TAKES_FORCE) != 0 && (strcmp(key, "force") == 0 || strcmp(key, "confirm") == 0)) ||
                    ((takes & NEEDS_COUNT) != 0 && (strcmp(key, "count") == 0 || strcmp(key, "from") == 0)) ||
                    ((takes & NEEDS_ON) != 0 && strcmp(key, "on") == 0);
        if (!fits) {
            return err_set(err, ERR_INVALID, 0, "\"%s\" does not go with %s", excerpt_of(key).text,
                           command_action_name(action));
        }
    }
    return true;
}

// An address as a number.
static bool parse_from(const char *text, char *ret, size_t size_bytes, struct err *err) {
    if (strspn(text, "0123456789abcdefABCDEF.:") != strlen(text) || !text_copy(ret, size_bytes, text)) {
        return err_set(err, ERR_INVALID, 0, "\"%s\" is no address", excerpt_of(text).text);
    }
    return true;
}

static bool parse_object(const json_t *object, struct command *command, struct err *err) {
    char action[32] = "";
    char node[NODE_NAME_SIZE] = "";
    char method[32] = "";
    char confirm[NODE_NAME_SIZE] = "";
    char from[sizeof command->from] = "";
    if (!get_label(object, "id", command->id, sizeof command->id, err) ||
        !get_label(object, "by", command->by, sizeof command->by, err) ||
        !doc_get_name(object, "action", action, sizeof action, err) ||
        !doc_get_name(object, "node", node, sizeof node, err) ||
        !doc_get_name(object, "method", method, sizeof method, err) ||
        !doc_get_name(object, "confirm", confirm, sizeof confirm, err) ||
        !doc_get_bool(object, "force", &command->force, err) || !doc_get_bool(object, "on", &command->on, err) ||
        !doc_get_name(object, "from", from, sizeof from, err) ||
        !doc_get_i64(object, "count", 1, INT32_MAX, &command->count, err)) {
        return false;
    }
    if (action[0] == '\0') {
        return err_set(err, ERR_INVALID, 0, "\"action\" is missing: %s", ACTIONS_ALLOWED);
    }
    if (!parse_action(action, &command->action, err) || !check_keys(object, command->action, err) ||
        (node[0] != '\0' && !parse_node(node, command->node, err)) ||
        (confirm[0] != '\0' && !parse_node(confirm, command->confirm, err)) ||
        (method[0] != '\0' && !parse_method(method, &command->method, err)) ||
        !parse_from(from, command->from, sizeof command->from, err)) {
        return false;
    }
    return complete(command, json_object_get(object, "on") != NULL, err);
}

bool command_parse(const char *bytes, size_t length_bytes, struct command *ret, struct err *err) {
    *ret = (struct command){0};
    struct command command = {0};
    if (length_bytes > COMMAND_BYTES_MAX) {
        return err_set(err, ERR_INVALID, 0, "%zu bytes are too many: %d are allowed", length_bytes, COMMAND_BYTES_MAX);
    }
    if (!text_is_utf8(bytes, length_bytes)) {
        return err_set(err, ERR_INVALID, 0, "not UTF-8 text");
    }
    size_t blanks = 0;
    while (blanks < length_bytes && strchr(" \t\r\n", bytes[blanks]) != NULL) {
        blanks++;
    }
    bool ok = false;
    if (blanks < length_bytes && (bytes[blanks] == '{' || bytes[blanks] == '[')) {
        AUTO_DOC json_t *object = doc_read(bytes, length_bytes, COMMAND_BYTES_MAX, DEPTH_MAX, err);
        ok = object != NULL && parse_object(object, &command, err);
    } else {
        AUTO_TEXT char *text = mem_format("%.*s", (int)length_bytes, bytes);
        ok = parse_words(text, &command, err);
        if (ok && command.force) {
            (void)text_copy(command.confirm, sizeof command.confirm, command.node);
        }
    }
    if (ok) {
        *ret = command;
    } else {
        text_copy(ret->id, sizeof ret->id, command.id);
    }
    return ok;
}

char *command_encode(const struct command *command) {
    AUTO_DOC json_t *object = json_object();
    unsigned takes = grammar(command->action);
    json_object_set_new(object, "action", doc_string(command_action_name(command->action)));
    if ((takes & TAKES_NODE) != 0 && command->node[0] != '\0') {
        json_object_set_new(object, "node", doc_string(command->node));
    }
    if ((takes & TAKES_METHOD) != 0) {
        json_object_set_new(object, "method", doc_string(job_rung_name(command->method)));
    }
    if ((takes & TAKES_FORCE) != 0) {
        json_object_set_new(object, "force", json_boolean(command->force));
    }
    if ((takes & TAKES_FORCE) != 0 && command->confirm[0] != '\0') {
        json_object_set_new(object, "confirm", doc_string(command->confirm));
    }
    if ((takes & NEEDS_ON) != 0) {
        json_object_set_new(object, "on", json_boolean(command->on));
    }
    if ((takes & NEEDS_COUNT) != 0) {
        json_object_set_new(object, "count", json_integer(command->count));
        json_object_set_new(object, "from", doc_string(command->from));
    }
    if (command->id[0] != '\0') {
        json_object_set_new(object, "id", doc_string(command->id));
    }
    if (command->by[0] != '\0') {
        json_object_set_new(object, "by", doc_string(command->by));
    }
    return doc_line(object);
}
