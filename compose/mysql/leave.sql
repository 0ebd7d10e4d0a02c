-- Takes back what existing.sql set to keep a server closed, idle or waiting for Relevo. As root, on each server, when
-- the services are gone. The primary stays as open as it is; a replica stays one.
SET SESSION sql_log_bin = 0;
RESET PERSIST IF EXISTS super_read_only;
RESET PERSIST IF EXISTS skip_replica_start;
RESET PERSIST IF EXISTS event_scheduler;
SET GLOBAL offline_mode = OFF;
SET @off = (SELECT IF(COUNT(*) = 2, 'SET GLOBAL rpl_semi_sync_source_enabled = OFF, GLOBAL rpl_semi_sync_replica_enabled = OFF', 'DO 0')
    FROM performance_schema.global_variables
    WHERE variable_name IN ('rpl_semi_sync_source_enabled', 'rpl_semi_sync_replica_enabled'));
PREPARE off FROM @off;
EXECUTE off;
DEALLOCATE PREPARE off;
