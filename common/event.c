#include "event.h"

#include <string.h>

#include "doc.h"
#include "mem.h"
#include "text.h"

#define DEPTH_MAX 8
#define VALUES_MAX 24  // of a detail, as far as a sentence can name them

struct event_record event_make(enum service source, enum event_type type, enum severity severity, const char *node,
                               int rule, uint64_t epoch, int64_t ts_ms, enum lang lang, enum msg msg,
                               const struct kv *values) {
    struct event_record event = {.ts_ms = ts_ms,
                                 .epoch = epoch,
                                 .source = source,
                                 .type = type,
                                 .severity = severity,
                                 .rule = rule,
                                 .msg = msg,
                                 .detail = json_object()};
    text_copy(event.node, sizeof event.node, node);
    msg_render(msg, lang, values, event.why, sizeof event.why);
    text_clean_utf8(event.why);
    for (const struct kv *value = values; value != NULL && value->key != NULL; value++) {
        json_t *member = value->text != NULL ? doc_string(value->text) : json_integer(value->number);
        json_object_set_new(event.detail, value->key, member);
    }
    return event;
}

void event_done(struct event_record *event) {
    json_decref(event->detail);
    event->detail = NULL;
}

char *event_encode(const struct event_record *event) {
    AUTO_DOC json_t *object = json_object();
    json_object_set_new(object, "seq", json_integer(event->seq));
    json_object_set_new(object, "ts", json_integer(event->ts_ms));
    json_object_set_new(object, "epoch", doc_count(event->epoch));
    json_object_set_new(object, "source", doc_string(service_name(event->source)));
    json_object_set_new(object, "type", doc_string(event_type_name(event->type)));
    json_object_set_new(object, "node", doc_string(event->node));
    json_object_set_new(object, "severity", doc_string(severity_name(event->severity)));
    json_object_set_new(object, "rule", json_integer(event->rule));
    json_object_set_new(object, "why", doc_string(event->why));
    json_object_set_new(object, "msg", doc_string(msg_name(event->msg)));
    json_object_set_new(object, "detail", event->detail != NULL ? json_incref(event->detail) : json_object());
    return doc_line(object);
}

static bool missing(const json_t *object, struct err *err) {
    static const char *const needed[] = {"ts", "source", "type", "severity"};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (json_object_get(object, needed[i]) == NULL) {
            err_set(err, ERR_INVALID, 0, "\"%s\" is missing", needed[i]);
            return true;
        }
    }
    return false;
}

static bool decode_words(const json_t *object, struct event_record *event, struct err *err) {
    char source[16] = "";
    char type[32] = "";
    char severity[16] = "";
    char msg[64] = "";
    if (!doc_get_name(object, "source", source, sizeof source, err) ||
        !doc_get_name(object, "type", type, sizeof type, err) ||
        !doc_get_name(object, "severity", severity, sizeof severity, err) ||
        !doc_get_text(object, "msg", msg, sizeof msg, err)) {
        return false;
    }
    if (!service_parse(source, &event->source) || !event_type_parse(type, &event->type) ||
        !severity_parse(severity, &event->severity)) {
        return err_set(err, ERR_INVALID, 0, "unknown source, type or severity: %s, %s, %s", source, type, severity);
    }
    event->msg = msg_parse(msg);  // a newer writer may say what we cannot: then its own words stay
    return true;
}

static bool decode(const json_t *object, struct event_record *event, struct err *err) {
    int64_t epoch = 0;
    int64_t rule = 0;
    if (missing(object, err) || !decode_words(object, event, err) ||
        !doc_get_i64(object, "seq", 0, INT64_MAX, &event->seq, err) ||
        !doc_get_i64(object, "ts", 0, INT64_MAX, &event->ts_ms, err) ||
        !doc_get_i64(object, "epoch", 0, INT64_MAX, &epoch, err) ||
        !doc_get_i64(object, "rule", INT32_MIN, INT32_MAX, &rule, err) ||
        !doc_get_name(object, "node", event->node, sizeof event->node, err) ||
        !doc_get_text(object, "why", event->why, sizeof event->why, err)) {
        return false;
    }
    event->epoch = (uint64_t)epoch;
    event->rule = (int)rule;
    json_t *detail = json_object_get(object, "detail");
    if (detail != NULL && !json_is_object(detail)) {
        return err_set(err, ERR_INVALID, 0, "\"detail\" must be an object");
    }
    event->detail = detail != NULL ? json_incref(detail) : json_object();
    return true;
}

bool event_decode(const char *json, size_t length_bytes, struct event_record *ret, struct err *err) {
    AUTO_DOC json_t *object = doc_read(json, length_bytes, EVENT_BYTES_MAX, DEPTH_MAX, err);
    struct event_record event = {0};
    if (object == NULL || !decode(object, &event, err)) {
        return err_wrap(err, "event");
    }
    *ret = event;
    return true;
}

void event_why(const struct event_record *event, enum lang lang, char *out, size_t size_bytes) {
    if (event->msg == MSG_NONE) {
        text_copy(out, size_bytes, event->why);
        return;
    }
    struct kv values[VALUES_MAX + 1] = {0};
    size_t count = 0;
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(event->detail, key, value) {
        if (count < VALUES_MAX && (json_is_string(value) || json_is_integer(value))) {
            values[count++] = (struct kv){key, json_string_value(value), json_integer_value(value)};
        }
    }
    msg_render(event->msg, lang, values, out, size_bytes);
}
