-- The demo schema (appdb) and Relevo's own (relevo). mysql-primary runs this at its first boot; the replica gets it by
-- replication. Running it again changes nothing.

SET SESSION autocommit = 1, default_storage_engine = InnoDB;  -- whatever the server's defaults are

CREATE DATABASE IF NOT EXISTS appdb;
CREATE DATABASE IF NOT EXISTS relevo;

-- ---------------------------------------------------------------------------------------------------------------------
-- A small shop, to see replication and resync at work.
USE appdb;

CREATE TABLE IF NOT EXISTS customers (
    id         INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name       VARCHAR(100) NOT NULL,
    email      VARCHAR(190) NOT NULL UNIQUE,
    created_at TIMESTAMP    NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS orders (
    id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    customer_id INT UNSIGNED    NOT NULL,
    product     VARCHAR(100)    NOT NULL,
    amount      DECIMAL(10, 2)  NOT NULL,
    status      ENUM('pending', 'paid', 'shipped', 'cancelled') NOT NULL DEFAULT 'pending',
    created_at  TIMESTAMP       NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at  TIMESTAMP       NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    INDEX orders_customer (customer_id),
    CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customers (id)
);

CREATE TABLE IF NOT EXISTS order_log (
    id         BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    order_id   BIGINT UNSIGNED NOT NULL,
    action     VARCHAR(20)     NOT NULL,
    old_status VARCHAR(20)     NULL,
    new_status VARCHAR(20)     NULL,
    changed_at TIMESTAMP(3)    NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    INDEX order_log_order (order_id)
);

CREATE TRIGGER IF NOT EXISTS orders_after_insert AFTER INSERT ON orders FOR EACH ROW
    INSERT INTO order_log (order_id, action, new_status) VALUES (NEW.id, 'insert', NEW.status);
CREATE TRIGGER IF NOT EXISTS orders_after_update AFTER UPDATE ON orders FOR EACH ROW
    INSERT INTO order_log (order_id, action, old_status, new_status) VALUES (NEW.id, 'update', OLD.status, NEW.status);
CREATE TRIGGER IF NOT EXISTS orders_after_delete AFTER DELETE ON orders FOR EACH ROW
    INSERT INTO order_log (order_id, action, old_status) VALUES (OLD.id, 'delete', OLD.status);

-- Sample rows, only into empty tables: what a user changed or deleted stays so.
INSERT INTO customers (id, name, email)
    SELECT sample.* FROM (VALUES ROW (1, 'Ana Torres', 'ana@example.com'), ROW (2, 'Luis Vega', 'luis@example.com'),
                                 ROW (3, 'María Niño', 'maria@example.com')) AS sample
    WHERE NOT EXISTS (SELECT 1 FROM (SELECT id FROM customers LIMIT 1) AS present);
INSERT INTO orders (id, customer_id, product, amount, status)
    SELECT sample.* FROM (VALUES ROW (1, 1, 'Teclado', 49.90, 'paid'), ROW (2, 1, 'Monitor', 189.00, 'shipped'),
                                 ROW (3, 2, 'Ratón', 19.50, 'pending'), ROW (4, 3, 'Portátil', 899.00, 'paid')) AS sample
    WHERE NOT EXISTS (SELECT 1 FROM (SELECT id FROM orders LIMIT 1) AS present)
      AND (SELECT COUNT(*) FROM customers WHERE id IN (1, 2, 3)) = 3;

-- What Relevo did to the cluster: one row per FAILOVER, RECOVERY, SWITCHOVER and RESYNC.
CREATE TABLE IF NOT EXISTS system_events (
    id            BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    primary_node  VARCHAR(64)     NULL,
    replica_node  VARCHAR(64)     NULL,
    last_failover DATETIME(3)     NULL,
    last_backup   DATETIME(3)     NULL,
    created_at    DATETIME(3)     NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    event_type    VARCHAR(20)     NOT NULL
);

-- ---------------------------------------------------------------------------------------------------------------------
-- Relevo's own. Replicated like any data, so a promoted node knows the history that made it primary.
USE relevo;

-- One row per change of primary or of sync: the durable memory behind the state in Redis.
CREATE TABLE IF NOT EXISTS epoch (
    epoch        BIGINT UNSIGNED NOT NULL PRIMARY KEY,
    primary_name VARCHAR(64)     NOT NULL,
    primary_uuid CHAR(36)        NOT NULL,
    sync         TINYINT         NOT NULL,  -- 1: commits wait for acknowledgements; 2: noted on this server alone; 3: over
    rule         INT             NOT NULL,
    why          VARCHAR(512)    NOT NULL,
    created_at   DATETIME(3)     NOT NULL DEFAULT CURRENT_TIMESTAMP(3)
);

-- Written every second on the primary: proves that it takes writes, and its age on a replica is the lag.
CREATE TABLE IF NOT EXISTS heartbeat (
    id          TINYINT         NOT NULL PRIMARY KEY DEFAULT 1,
    epoch       BIGINT UNSIGNED NOT NULL,
    ts_ms       BIGINT          NOT NULL,
    server_uuid CHAR(36)        NOT NULL,
    CONSTRAINT heartbeat_one_row CHECK (id = 1)
);
