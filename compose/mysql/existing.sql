-- What Relevo needs of a MySQL server that exists already (existing.cnf), without a restart; as root, on each server, the
-- primary too. gtid_mode must be ON before: https://dev.mysql.com/doc/refman/9.7/en/replication-mode-change-online-enable-gtids.html
SET SESSION sql_log_bin = 0;

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

-- Plugins that are not there yet. INSTALL PLUGIN is written to no binlog and outlives restarts. A closed replica must be
-- open to it for a moment.
SET @closed = @@GLOBAL.super_read_only;
SET GLOBAL super_read_only = OFF;
DELIMITER //
CREATE PROCEDURE mysql.relevo_plugin(plugin VARCHAR(64), library VARCHAR(64))
BEGIN
    IF NOT EXISTS (SELECT 1 FROM information_schema.plugins WHERE plugin_name = plugin) THEN
        SET @install = CONCAT('INSTALL PLUGIN ', plugin, ' SONAME ''', library, '''');
        PREPARE install FROM @install;
        EXECUTE install;
        DEALLOCATE PREPARE install;
    END IF;
END //
DELIMITER ;
CALL mysql.relevo_plugin('clone', 'mysql_clone.so');
CALL mysql.relevo_plugin('rpl_semi_sync_source', 'semisync_source.so');
CALL mysql.relevo_plugin('rpl_semi_sync_replica', 'semisync_replica.so');
DROP PROCEDURE mysql.relevo_plugin;
SET GLOBAL super_read_only = @closed;
