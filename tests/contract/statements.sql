-- The statements of the watcher that are too long to be read in a script, word for word as it sends them:
-- tests/check_contract.py looks them up in its sources. [follow a] in a script stands for the text below "[follow X]".

-- [follow X]
CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{host X}', SOURCE_PORT = 3306, SOURCE_USER = 'repl',
    SOURCE_PASSWORD = '{password}', SOURCE_SSL = 1, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_HEARTBEAT_PERIOD = 0.5,
    SOURCE_CONNECT_RETRY = 1, SOURCE_RETRY_COUNT = 0, SOURCE_AUTO_POSITION = 1;

-- [receiver]
SELECT SERVICE_STATE FROM performance_schema.replication_connection_status WHERE CHANNEL_NAME = '';

-- [applier]
SELECT s.SERVICE_STATE AS state, COALESCE(w.LAST_ERROR_NUMBER, k.LAST_ERROR_NUMBER, 0) AS number,
    COALESCE(w.LAST_ERROR_MESSAGE, k.LAST_ERROR_MESSAGE, '') AS message,
    (SELECT RECEIVED_TRANSACTION_SET FROM performance_schema.replication_connection_status
      WHERE CHANNEL_NAME = '') AS received, @@GLOBAL.gtid_executed AS executed
    FROM performance_schema.replication_applier_status s
    LEFT JOIN performance_schema.replication_applier_status_by_worker w
      ON w.CHANNEL_NAME = s.CHANNEL_NAME AND w.LAST_ERROR_NUMBER <> 0
    LEFT JOIN performance_schema.replication_applier_status_by_coordinator k
      ON k.CHANNEL_NAME = s.CHANNEL_NAME AND k.LAST_ERROR_NUMBER <> 0
    WHERE s.CHANNEL_NAME = '' LIMIT 1;

-- [settle]
SELECT RECEIVED_TRANSACTION_SET, SLEEP(0.030), QUEUEING_TRANSACTION FROM
    performance_schema.replication_connection_status
    WHERE CHANNEL_NAME = '' AND SERVICE_STATE = 'ON';

-- [preflight]
SELECT s.SERVICE_STATE, s.SOURCE_UUID, a.SERVICE_STATE, @@GLOBAL.read_only
    FROM performance_schema.replication_connection_status s
    JOIN performance_schema.replication_applier_status a USING (CHANNEL_NAME) WHERE CHANNEL_NAME = '';

-- [drain X]
DO WAIT_FOR_EXECUTED_GTID_SET('{received X}', 1);

-- [catch_up X]
SELECT WAIT_FOR_EXECUTED_GTID_SET('{executed X}', 10.000);

-- [blockers]
SELECT PROCESSLIST_ID FROM performance_schema.threads WHERE TYPE = 'FOREGROUND' AND PROCESSLIST_ID IS NOT NULL
    AND PROCESSLIST_ID <> CONNECTION_ID() AND PROCESSLIST_USER <> SUBSTRING_INDEX(CURRENT_USER(), '@', 1)
    AND PROCESSLIST_USER NOT IN ('system user', 'event_scheduler')
    AND PROCESSLIST_COMMAND NOT IN ('Binlog Dump', 'Binlog Dump GTID', 'Daemon');

-- [fencing S]
SELECT IF(@@GLOBAL.read_only AND @@GLOBAL.super_read_only, 'done', (SELECT 'pending' FROM
    performance_schema.processlist WHERE ID = {session S} AND STATE LIKE 'Waiting for %')), SLEEP(0.01);

-- [licence]
SET @relevo_since = UTC_TIMESTAMP(6), @relevo_until = UTC_TIMESTAMP(6) + INTERVAL 2500000 MICROSECOND;

-- [licence_of_nothing]
SET @relevo_since = UTC_TIMESTAMP(6), @relevo_until = UTC_TIMESTAMP(6) + INTERVAL 0 MICROSECOND;

-- [licence_over]
SELECT NOT (UTC_TIMESTAMP(6) >= @relevo_since AND UTC_TIMESTAMP(6) <= @relevo_until);

-- [epoch E X A]
INSERT INTO relevo.epoch (epoch, primary_name, primary_uuid, sync, rule, why)
    SELECT {E}, '{X}', @@GLOBAL.server_uuid, 0, 210, 'contract' FROM DUAL
    WHERE UTC_TIMESTAMP(6) >= @relevo_since AND UTC_TIMESTAMP(6) <= @relevo_until AND NOT EXISTS (SELECT 1 FROM relevo.epoch WHERE epoch >= {E})
    AND ({A} = 0 OR EXISTS (SELECT 1 FROM relevo.epoch WHERE epoch >= {A})) AND NOT EXISTS
    (SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'relevo_rebuild');

-- [tables]
SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'relevo'
    AND TABLE_NAME IN ('epoch', 'heartbeat');

-- [let_in]
SET GLOBAL read_only = IF(UTC_TIMESTAMP(6) >= @relevo_since AND UTC_TIMESTAMP(6) <= @relevo_until, 0, @@GLOBAL.read_only);

-- [reign_goes_on]
SELECT MAX(epoch), (SELECT COUNT(*) FROM performance_schema.replication_connection_configuration
    WHERE CHANNEL_NAME = '' AND HOST <> '') FROM relevo.epoch;

-- [let_through]
SET GLOBAL rpl_semi_sync_source_enabled =
    IF(UTC_TIMESTAMP(6) >= @relevo_since AND UTC_TIMESTAMP(6) <= @relevo_until, 0, @@GLOBAL.rpl_semi_sync_source_enabled);

-- [strict N]
SET GLOBAL rpl_semi_sync_source_wait_point = 'AFTER_SYNC',
    GLOBAL rpl_semi_sync_source_wait_no_replica = ON,
    GLOBAL rpl_semi_sync_source_wait_for_replica_count = {N},
    GLOBAL rpl_semi_sync_source_timeout = 4294967295;

-- [source_status]
SELECT VARIABLE_VALUE FROM performance_schema.global_status
    WHERE VARIABLE_NAME = 'Rpl_semi_sync_source_status';

-- [replica_status]
SELECT s.SERVICE_STATE, t.VARIABLE_VALUE FROM performance_schema.replication_connection_status s
    JOIN performance_schema.global_status t WHERE s.CHANNEL_NAME = ''
    AND t.VARIABLE_NAME = 'Rpl_semi_sync_replica_status';

-- [beat X]
INSERT INTO relevo.heartbeat (id, epoch, ts_ms, server_uuid)
    SELECT * FROM (SELECT 1 AS id, 1 AS epoch, 1 AS ts_ms, @@GLOBAL.server_uuid AS uuid) AS n
    WHERE n.uuid = '{uuid X}' AND @@GLOBAL.read_only = 0
    ON DUPLICATE KEY UPDATE epoch = n.epoch, ts_ms = n.ts_ms, server_uuid = n.uuid;

-- [told X]
INSERT INTO `appdb`.system_events (primary_node, replica_node, last_failover, last_backup, created_at, event_type)
    SELECT '{X}', '', NULL, NULL, UTC_TIMESTAMP(3), 'FAILOVER' FROM DUAL
    WHERE @@GLOBAL.server_uuid = '{uuid X}' AND @@GLOBAL.read_only = 0;

-- [hanging_beats]
SELECT COUNT(*) FROM performance_schema.threads
    WHERE PROCESSLIST_USER = SUBSTRING_INDEX(CURRENT_USER(), '@', 1)
    AND PROCESSLIST_INFO LIKE 'INSERT INTO relevo.heartbeat%';
