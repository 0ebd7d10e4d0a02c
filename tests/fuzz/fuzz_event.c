// Whatever decodes must encode to a line that decodes to the same event.
#include <string.h>

#include "common/event.h"
#include "common/mem.h"
#include "common/text.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct event_record event;
    struct err err = {0};
    AUTO_TEXT char *bytes = mem_zero(size + 1, 1);
    memcpy(bytes, data, size);
    if (!event_decode(bytes, size, &event, &err)) {
        must(err.kind == ERR_INVALID);
        return 0;
    }
    AUTO_TEXT char *line = event_encode(&event);
    struct event_record again;
    must(text_is_utf8(line, strlen(line)) && strchr(line, '\n') == NULL);
    must(event_decode(line, strlen(line), &again, &err));
    AUTO_TEXT char *second = event_encode(&again);
    must(strcmp(line, second) == 0);
    char why[NODE_WHY_SIZE];
    event_why(&event, LANG_ES, why, sizeof why);
    must(memchr(why, '\0', sizeof why) != NULL && text_is_utf8(why, strlen(why)));
    event_done(&event);
    event_done(&again);
    return 0;
}
