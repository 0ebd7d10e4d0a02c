// What a rewind notes in the node itself: see rewind.h.
#include "common/mem.h"
#include "common/text.h"
#include "resync/rewind_parts.h"

#define HAS_TABLE_SQL                                                                              \
    "SELECT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = '" REBUILD_SCHEMA \
    "' AND table_name = 'rewind')"

bool rewind_read_mark(struct peer *recipient, bool *ret_begun, char **ret) {
    AUTO_TEXT char *has = NULL;
    if (!peer_value(recipient, HAS_TABLE_SQL, &has)) {
        return false;
    }
    *ret_begun = text_equal(has, "1");
    return !*ret_begun || peer_value(recipient, "SELECT target FROM " REWIND_TABLE, ret);
}

bool rewind_forget(struct peer *recipient) {
    bool begun = false;
    AUTO_TEXT char *target = NULL;
    return rewind_read_mark(recipient, &begun, &target) &&
           (!begun ||
            (peer_exec(recipient, "SET SESSION sql_log_bin = 0") && peer_exec(recipient, "DROP TABLE " REWIND_TABLE)));
}
