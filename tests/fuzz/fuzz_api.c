// Any path, query and body, split by NUL, gets an answer that is what it says it is.
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "dashboard/api.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct moment now = {.mono_ms = 1000, .wall_ms = 1700000000000};
    static struct settings settings = {.api_token = "t"};
    AUTO_TEXT char *bytes = mem_zero(size + 3, 1);
    memcpy(bytes, data, size);
    char *path = bytes, *query = path + strlen(path) + 1;
    query = query > bytes + size ? bytes + size : query;
    char *body = query + strlen(query) + 1;
    body = body > bytes + size ? bytes + size : body;
    struct snapshot *snapshot = snapshot_new(now);
    struct api_world world = {
        .snapshot = snapshot, .settings = &settings, .now = now, .command_id = "id", .version = "v"};
    struct api_request request = {.method = size % 2 ? API_POST : API_GET,
                                  .path = path,
                                  .query = query,
                                  .body = body,
                                  .body_bytes = (size_t)(bytes + size - body),
                                  .authorization = "Bearer t",
                                  .content_type = "application/json"};
    struct api_answer answer = api_answer(&world, &request);
    must(answer.status >= 200 && answer.status < 600);
    if (answer.kind == API_BODY || answer.kind == API_COMMAND) {
        must(answer.body != NULL && answer.type != NULL && text_is_utf8(answer.body, strlen(answer.body)));
    }
    if (answer.kind == API_FILE) {
        const char *name = strncmp(answer.file, "swagger/", 8) == 0 ? answer.file + 8 : answer.file;
        must(name[0] != '.' && strchr(name, '/') == NULL);
    }
    must((answer.kind == API_COMMAND) == (answer.command != NULL));
    api_answer_done(&answer);
    snapshot_free(snapshot);
    return 0;
}
