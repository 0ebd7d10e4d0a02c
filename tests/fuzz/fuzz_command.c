// Whatever is understood must mean the same after being encoded; whatever is not must say why.
#include <string.h>

#include "common/command.h"
#include "common/mem.h"
#include "common/text.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct command command;
    struct err err = {0};
    AUTO_TEXT char *bytes = mem_zero(size + 1, 1); // its own allocation, so that a read past the end is seen
    memcpy(bytes, data, size);
    if (!command_parse(bytes, size, &command, &err)) {
        must(err.kind == ERR_INVALID && err.text[0] != '\0' && text_is_utf8(err.text, strlen(err.text)));
        return 0;
    }
    AUTO_TEXT char *line = command_encode(&command);
    struct command again;
    must(command_parse(line, strlen(line), &again, &err));
    must(again.action == command.action && again.method == command.method && again.force == command.force &&
         again.on == command.on && strcmp(again.node, command.node) == 0 && strcmp(again.id, command.id) == 0 &&
         strcmp(again.by, command.by) == 0);
    return 0;
}
