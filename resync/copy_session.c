// The sessions of a copy: what differs from all other sessions of ours (common/session_pins.h), and why.
#include "resync/copy.h"

bool copy_prepare_donor(struct peer *donor) {
    return peer_exec(donor,
                     "SET SESSION"
                     // Values leave as they are stored, in the character set of their column.
                     " character_set_results = NULL,"
                     // The lanes wait for the recipient, and for each other while a long table ends.
                     " net_write_timeout = 600, wait_timeout = 31536000");
}

bool copy_prepare_recipient(struct peer *recipient) {
    return peer_exec(recipient,
                     "SET SESSION"
                     // What a copy writes is no transaction of the cluster.
                     " sql_log_bin = 0,"
                     " sql_mode = " COPY_SQL_MODE
                     ","
                     // Tables come in any order, and their rows fitted each other where they are from.
                     " foreign_key_checks = 0, unique_checks = 0,"
                     // ... even where today's server would refuse to make them: keys that refer to what is not unique,
                     // row formats and sizes.
                     " restrict_fk_on_non_standard_key = OFF, innodb_strict_mode = OFF,"
                     // A MEMORY table may have as many rows as it has there.
                     " max_heap_table_size = 1099511627776,"
                     // Keys are built in place, not by copying the table once more.
                     " old_alter_table = OFF,"
                     // The lanes wait for the donor.
                     " net_read_timeout = 600, wait_timeout = 31536000");
}
