-- What Relevo needs of a MySQL server that exists already (existing.cnf), without a restart; as root, on each server, the
-- primary too. gtid_mode must be ON before: https://dev.mysql.com/doc/refman/9.7/en/replication-mode-change-online-enable-gtids.html
SET SESSION sql_log_bin = 0, group_concat_max_len = 1000000;

SET PERSIST gtid_mode = ON;
SET PERSIST enforce_gtid_consistency = ON;
SET PERSIST binlog_row_image = FULL;
SET PERSIST binlog_row_metadata = FULL;
SET PERSIST sync_binlog = 1;
SET PERSIST innodb_flush_log_at_trx_commit = 1;
SET PERSIST replica_net_timeout = 2;
SET PERSIST local_infile = ON;
SET PERSIST log_bin_trust_function_creators = ON;

-- From the next boot on. Until then the server stays as open as it is.
SET PERSIST_ONLY super_read_only = ON;
SET PERSIST_ONLY skip_replica_start = ON;
SET PERSIST_ONLY event_scheduler = OFF;
SET PERSIST_ONLY relay_log_recovery = ON;
SET PERSIST_ONLY replica_preserve_commit_order = ON;

-- Plugins that are not there yet. INSTALL PLUGIN is written to no binlog and outlives restarts. A closed replica is open to
-- root for it: should one fail, close it again (step 4 in README.md does).
SET @closed = @@GLOBAL.super_read_only;
SET GLOBAL super_read_only = OFF;
SET @have = (SELECT GROUP_CONCAT(plugin_name) FROM information_schema.plugins);
SET @install = IF(FIND_IN_SET('clone', @have), 'DO 0', 'INSTALL PLUGIN clone SONAME ''mysql_clone.so''');
PREPARE install FROM @install;
EXECUTE install;
SET @install = IF(FIND_IN_SET('rpl_semi_sync_source', @have), 'DO 0',
                  'INSTALL PLUGIN rpl_semi_sync_source SONAME ''semisync_source.so''');
PREPARE install FROM @install;
EXECUTE install;
SET @install = IF(FIND_IN_SET('rpl_semi_sync_replica', @have), 'DO 0',
                  'INSTALL PLUGIN rpl_semi_sync_replica SONAME ''semisync_replica.so''');
PREPARE install FROM @install;
EXECUTE install;
DEALLOCATE PREPARE install;
SET GLOBAL super_read_only = @closed;
