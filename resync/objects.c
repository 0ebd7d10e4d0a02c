#include "resync/objects.h"

#include "common/mem.h"
#include "common/text.h"
#include "resync/dump_parts.h"

// Each server salts a password anew: equal passwords have other hashes.
#define SALTED "('caching_sha2_password', 'sha256_password')"
// clang-format off: SQL, laid out by what it asks for
#define ROUTINES(type)                                                                    \
    "SELECT routine_schema, routine_name, character_set_client, collation_connection,"    \
    " database_collation, sql_mode, '', NULL FROM information_schema.routines"            \
    " WHERE routine_type = '" type "' AND routine_schema NOT IN " NOT_COPIED
#define DIGEST(columns) "SHA2(CONCAT_WS('|', " columns "), 256)"
#define SAYS(column) "COALESCE(" column ", '-')"
#define ROUTINES_COMPARED(type)                                                                                   \
    "SELECT CONCAT(r.routine_schema, '.', r.routine_name), " DIGEST(                                               \
        SAYS("r.dtd_identifier") ", " SAYS("r.routine_definition") ", r.is_deterministic, r.sql_data_access,"      \
        " r.security_type, r.sql_mode, r.routine_comment, r.definer, r.character_set_client,"                     \
        " r.collation_connection, r.database_collation, (SELECT " SAYS("GROUP_CONCAT(CONCAT_WS(' ',"              \
        " p.ordinal_position, p.parameter_mode, p.parameter_name, p.dtd_identifier, p.collation_name)"            \
        " ORDER BY p.ordinal_position)") " FROM information_schema.parameters p WHERE"                            \
        " p.specific_schema = r.routine_schema AND p.specific_name = r.specific_name AND"                         \
        " p.routine_type = r.routine_type)")                                                                      \
    " FROM information_schema.routines r WHERE r.routine_type = '" type "' AND r.routine_schema NOT IN " NOT_COPIED

#define SCHEMA_RIGHTS                                                                                              \
    "select_priv, insert_priv, update_priv, delete_priv, create_priv, drop_priv, grant_priv, references_priv,"    \
    " index_priv, alter_priv, create_tmp_table_priv, lock_tables_priv, execute_priv, create_view_priv,"           \
    " show_view_priv, create_routine_priv, alter_routine_priv, event_priv, trigger_priv"

const struct object_kind object_kinds[] = {
    // ---- the places in which the others are ----
    {"SCHEMA", OBJECT_OWN, NULL,
     "SELECT s.schema_name, CONCAT_WS(' ', default_character_set_name, default_collation_name, default_encryption,"
     " TRIM(options)) FROM information_schema.schemata s JOIN information_schema.schemata_extensions e"
     " ON e.schema_name = s.schema_name WHERE s.schema_name NOT IN " NOT_COPIED,
     false, NULL},
    {"TABLESPACE", OBJECT_OWN, NULL,
     "SELECT name, CONCAT_WS(' ', zip_page_size, encryption, autoextend_size) FROM"
     " information_schema.innodb_tablespaces WHERE space_type = 'General' AND name <> 'mysql'",
     true, NULL},
    {"SPATIAL REFERENCE SYSTEM", OBJECT_OWN, NULL,
     "SELECT srs_id, " DIGEST("srs_name, " SAYS("organization") ", " SAYS("organization_coordsys_id") ", definition, "
                              SAYS("description")) " FROM information_schema.st_spatial_reference_systems",
     true, NULL},
    // ---- data; definitions are compared with the rows: verify_tables.c ----
    {"TABLE", OBJECT_OWN, NULL, NULL, false, NULL},
    {"HISTOGRAM", OBJECT_OWN, NULL, NULL, false, NULL},  // told, by dump_places.c; made of samples, so not compared
    // ---- code, after what it may stand on ----
    {"LIBRARY", OBJECT_SHOWN,
     "SELECT library_schema, library_name, 'utf8mb4', 'utf8mb4_0900_ai_ci', '', sql_mode, '', NULL"
     " FROM information_schema.libraries WHERE library_schema NOT IN " NOT_COPIED,
     "SELECT CONCAT(library_schema, '.', library_name), "
     DIGEST("library_definition, language, " SAYS("library_comment"))
     " FROM information_schema.libraries WHERE library_schema NOT IN " NOT_COPIED,
     false, "LIBRARIES"},
    {"FUNCTION", OBJECT_SHOWN, ROUTINES("FUNCTION"), ROUTINES_COMPARED("FUNCTION"), false, NULL},
    {"PROCEDURE", OBJECT_SHOWN, ROUTINES("PROCEDURE"), ROUTINES_COMPARED("PROCEDURE"), false, NULL},
    {"VIEW", OBJECT_SHOWN,
     "SELECT table_schema, table_name, character_set_client, collation_connection, '', '', '', NULL"
     " FROM information_schema.views WHERE table_schema NOT IN " NOT_COPIED,
     "SELECT CONCAT(table_schema, '.', table_name), " DIGEST("view_definition, check_option, definer, security_type,"
     " character_set_client, collation_connection")
     " FROM information_schema.views WHERE table_schema NOT IN " NOT_COPIED,
     false, NULL},
    {"TRIGGER", OBJECT_SHOWN,
     "SELECT trigger_schema, trigger_name, character_set_client, collation_connection,"
     " database_collation, sql_mode, '', NULL FROM information_schema.triggers"
     " WHERE trigger_schema NOT IN " NOT_COPIED " ORDER BY event_object_schema, event_object_table,"
     " action_timing, event_manipulation, action_order",
     "SELECT CONCAT(trigger_schema, '.', trigger_name), " DIGEST("event_manipulation, event_object_table, action_order,"
     " action_statement, action_timing, sql_mode, definer, character_set_client, collation_connection,"
     " database_collation") " FROM information_schema.triggers WHERE trigger_schema NOT IN " NOT_COPIED,
     false, NULL},
    // When it was made goes along: an event whose end has passed can only be made before that.
    {"EVENT", OBJECT_SHOWN,
     "SELECT event_schema, event_name, character_set_client, collation_connection,"
     " database_collation, sql_mode, time_zone, GREATEST(COALESCE(UNIX_TIMESTAMP(created), 1), 1)"
     " FROM information_schema.events WHERE event_schema NOT IN " NOT_COPIED,
     // Its state rightly differs: it runs on one side only.
     "SELECT CONCAT(event_schema, '.', event_name), " DIGEST("definer, time_zone, event_body, event_definition,"
     " event_type, " SAYS("execute_at") ", " SAYS("interval_value") ", " SAYS("interval_field") ", sql_mode, "
     SAYS("starts") ", " SAYS("ends") ", on_completion, event_comment, character_set_client, collation_connection,"
     " database_collation") " FROM information_schema.events WHERE event_schema NOT IN " NOT_COPIED,
     false, NULL},
    // ---- rows of the grant tables ----
    {"ACCOUNT", OBJECT_OWN, NULL,
     "SELECT CONCAT(user, '@', host), " DIGEST("plugin, IF(plugin IN " SALTED ", '', HEX(authentication_string)),"
     " ssl_type, HEX(ssl_cipher), HEX(x509_issuer), HEX(x509_subject), max_questions, max_updates, max_connections,"
     " max_user_connections, password_expired, " SAYS("password_lifetime") ", account_locked, "
     SAYS("password_reuse_history") ", " SAYS("password_reuse_time") ", " SAYS("password_require_current") ", "
     SAYS("user_attributes")) " FROM mysql.user",
     true, NULL},
    {"GRANT", OBJECT_OWN, NULL,
     "SELECT CONCAT(user, '@', host, ' ON *.*'), " DIGEST(SCHEMA_RIGHTS ", reload_priv, shutdown_priv, process_priv,"
     " file_priv, show_db_priv, super_priv, repl_slave_priv, repl_client_priv, create_user_priv, create_tablespace_priv,"
     " create_role_priv, drop_role_priv") " FROM mysql.user UNION ALL "
     "SELECT CONCAT(user, '@', host, ' ON ', db, '.*'), " DIGEST(SCHEMA_RIGHTS) " FROM mysql.db UNION ALL "
     "SELECT CONCAT(user, '@', host, ' ', priv), with_grant_option FROM mysql.global_grants UNION ALL "
     "SELECT CONCAT(user, '@', host, ' ON ', db, '.', table_name), " DIGEST("table_priv, column_priv")
     " FROM mysql.tables_priv UNION ALL "
     "SELECT CONCAT(user, '@', host, ' ON ', db, '.', table_name, '.', column_name), " DIGEST("column_priv")
     " FROM mysql.columns_priv UNION ALL "
     "SELECT CONCAT(user, '@', host, ' ON ', routine_type, ' ', db, '.', routine_name), " DIGEST("proc_priv")
     " FROM mysql.procs_priv UNION ALL "
     "SELECT CONCAT(user, '@', host, ' PROXY ', proxied_user, '@', proxied_host), " DIGEST("with_grant")
     " FROM mysql.proxies_priv",
     true, NULL},
    {"ROLE", OBJECT_OWN, NULL,
     "SELECT CONCAT(from_user, '@', from_host, ' TO ', to_user, '@', to_host), with_admin_option FROM mysql.role_edges"
     " UNION ALL SELECT CONCAT('DEFAULT ', default_role_user, '@', default_role_host, ' TO ', user, '@', host), ''"
     " FROM mysql.default_roles",
     true, NULL},
    {"SERVER", OBJECT_OWN, NULL,
     "SELECT server_name, " DIGEST("host, db, username, password, port, socket, wrapper, owner") " FROM mysql.servers",
     true, NULL},
    {"TIME ZONE", OBJECT_OWN, NULL, NULL, true, NULL},
    // ---- not carried over, and told ----
    {"LOADABLE FUNCTION", OBJECT_TOLD, "SELECT name FROM mysql.func", "SELECT name, dl FROM mysql.func", true, NULL},
    {"COMPONENT", OBJECT_TOLD, "SELECT component_urn FROM mysql.component", NULL, true, NULL},
    {"PLUGIN", OBJECT_TOLD, "SELECT name FROM mysql.plugin", NULL, true, NULL},
    {"SYSTEM TABLE", OBJECT_TOLD,  // of a component (masking, audit, firewall), or a person's own
     "SELECT CONCAT(table_schema, '.', table_name) FROM information_schema.tables"
     " WHERE table_schema IN ('mysql', 'sys')",
     NULL, false, NULL},
    {"SYSTEM ROUTINE", OBJECT_TOLD,
     "SELECT CONCAT(routine_schema, '.', routine_name) FROM information_schema.routines"
     " WHERE routine_schema IN ('mysql', 'sys')",
     NULL, false, NULL},
    {"RESOURCE GROUP", OBJECT_TOLD, "SELECT resource_group_name FROM information_schema.resource_groups", NULL, true,
     NULL},
    {"OPTIMIZER COST", OBJECT_TOLD,
     "SELECT CONCAT(cost_name, '=', cost_value) FROM mysql.server_cost WHERE cost_value IS NOT NULL UNION ALL"
     " SELECT CONCAT(engine_name, '.', cost_name, '=', cost_value) FROM mysql.engine_cost WHERE cost_value IS NOT NULL",
     NULL, true, NULL},
    // ---- the server's own ----
    {"PERSISTED VARIABLE", OBJECT_LOCAL, NULL, NULL, true, NULL},
    {"UNDO TABLESPACE", OBJECT_LOCAL, NULL, NULL, true, NULL},
    {"KEYRING KEY", OBJECT_LOCAL, NULL, NULL, true, NULL},
    {"LOG TABLE", OBJECT_LOCAL, NULL, NULL, true, NULL},
    {NULL, OBJECT_LOCAL, NULL, NULL, false, NULL},
};
// clang-format on

bool object_kind_exists(struct peer *peer, const struct object_kind *kind, bool *ret) {
    *ret = true;
    if (!kind->if_table) {
        return true;
    }
    AUTO_TEXT char *found = NULL;
    AUTO_TEXT char *sql = mem_format(
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'information_schema' AND"
        " table_name = '%s'",
        kind->if_table);
    if (!peer_value(peer, sql, &found)) {
        return false;
    }
    *ret = !text_equal(found, "0");
    return true;
}
