// Commands: what a person asks over HTTP becomes one JSON message on …:commands, in the words of common/command.h.
#include <stdlib.h>
#include <string.h>

#include "api_parts.h"
#include "common/command.h"
#include "common/mem.h"
#include "common/text.h"

// The request's JSON object ({} for an empty body); NULL if it is no such thing.
static json_t *read_body(const struct api_request *request) {
    if (request->body_bytes == 0) {
        return json_object();
    }
    if (request->body_bytes > COMMAND_BYTES_MAX || !text_is_utf8(request->body, request->body_bytes)) {
        return NULL;
    }
    json_t *body = json_loadb(request->body, request->body_bytes, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(body)) {
        json_decref(body);
        return NULL;
    }
    return body;
}

static struct api_answer accepted(const struct api_call *call, const struct command *command) {
    json_t *body = json_object();
    AUTO_TEXT char *url = mem_format("/api/v1/commands/%s", command->id);
    json_object_set_new(body, "id", api_string(command->id));
    json_object_set_new(body, "action", json_string(command_action_name(command->action)));
    json_object_set_new(body, "node", command->node[0] ? api_string(command->node) : json_null());
    json_object_set_new(body, "status_url", api_string(url));
    struct api_answer answer = api_json(202, body);
    answer.kind = API_COMMAND;
    answer.command = command_encode(command);
    answer.lang = call->lang;
    return answer;
}

// "failover" of /api/v1/failover. The common parser has the last word on what a command may say.
struct api_answer api_action(const struct api_call *call) {
    const char *action = strrchr(call->request->path, '/') + 1;
    json_t *body = read_body(call->request);
    if (body == NULL) {
        return api_refuse(call, 400, MSG_HTTP_BODY, KVS());
    }
    if (json_object_get(body, "action") != NULL || json_object_get(body, "id") != NULL) {
        json_decref(body);
        return api_refuse(call, 422, MSG_HTTP_COMMAND, KVS(KV("error", "action, id")));
    }
    json_object_set_new(body, "action", json_string(action));
    json_object_set_new(body, "id", json_string(call->world->command_id));
    if (json_object_get(body, "by") == NULL) {
        json_object_set_new(body, "by", json_string("dashboard"));
    }
    AUTO_TEXT char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    struct command command;
    struct err err = {0};
    if (!command_parse(text, strlen(text), &command, &err)) {
        return api_refuse(call, 422, MSG_HTTP_COMMAND, KVS(KV("error", err.text)));
    }
    if (command.node[0] && !api_node_known(call->world, command.node)) {
        return api_refuse(call, 422, MSG_HTTP_NO_NODE, KVS(KV("node", command.node)));
    }
    return accepted(call, &command);
}
