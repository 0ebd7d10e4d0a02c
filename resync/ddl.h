// Small rewrites of the statements that SHOW CREATE gives. Pure.
#pragma once

// The statement of an ENABLED event as a replica must have it: DISABLE ON REPLICA. Others come back unchanged. Heap.
char *ddl_event_for_replica(const char *create);

// The statement of a table without the keys that may be built once its rows are in, and in *ret_add how ALTER TABLE
// adds those ("ADD KEY ..., ADD KEY ..."; NULL: none may wait). The table that comes of both shows itself as before.
// Primary and unique, full-text, spatial and functional keys stay, and those that a counting column or a foreign key
// needs. Heap.
char *ddl_without_keys(const char *create, char **ret_add);

// The statement of a table without what may differ between tables that are alike: where its counter stands, and a
// character set that its collation says anyway. Heap.
char *ddl_comparable(const char *create);

// The plugin that parses a full-text index of the table ("WITH PARSER `ngram`"), the first one. NULL: none does. Heap.
char *ddl_parser(const char *create);

// Steps over a `quoted name` or a 'string', in which anything may stand.
const char *ddl_skip_quoted(const char *at);
