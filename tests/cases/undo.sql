-- What a server wrote while this ran (from RESET on) is undo.binlog, for the tests that invert events. Made with MySQL
-- 9.7.4, this product's compose/mysql/conf.d and --server-id=9: run this with the mysql client, copy the binlog file.
CREATE DATABASE t;
USE t;
CREATE TABLE wide (
 id INT PRIMARY KEY, ti TINYINT UNSIGNED, bi BIGINT, de DECIMAL(20, 5), f FLOAT, d DOUBLE, b BIT(13), c CHAR(5), vc VARCHAR(300),
 bin BINARY(4), tx TEXT, bl LONGBLOB, e ENUM('x', 'y'), s SET('p', 'q'), j JSON, dt DATE, t TIME(6), dtm DATETIME(3),
 ts TIMESTAMP(1) NULL, y YEAR, g GEOMETRY, v VECTOR(2), gv INT AS (ti + 1) VIRTUAL, gs INT AS (ti + 2) STORED, inv INT INVISIBLE);
CREATE TABLE pair (a INT, b VARCHAR(10), n INT, PRIMARY KEY (b, a), UNIQUE (n));
INSERT INTO pair VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3);
RESET BINARY LOGS AND GTIDS;
INSERT INTO wide (id, ti, bi, de, f, d, b, c, vc, bin, tx, bl, e, s, j, dt, t, dtm, ts, y, g, v, inv) VALUES
 (1, 255, -1, -1234.5, 1.5, 2.5, b'1', 'ñ', REPEAT('v', 260), 'b', 'text', x'0001', 'y', 'p,q', '{"a": [1, null]}',
  '2000-02-29', '-01:02:03.4', '2001-01-01 01:01:01.001', '2002-02-02 02:02:02.2', 1999, POINT(1, 2), TO_VECTOR('[1,2]'), 7),
 (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
  NULL, NULL);
UPDATE wide SET ti = 3, vc = NULL, j = '[]', inv = 8;
UPDATE pair SET n = n + 1 ORDER BY n DESC;
BEGIN;
SAVEPOINT here;
UPDATE wide, pair SET wide.bi = 5, pair.n = 9 WHERE wide.id = 1 AND pair.a = 3;
DELETE FROM pair WHERE a < 3;
COMMIT;
SET SESSION binlog_transaction_compression = ON;
INSERT INTO wide (id, vc) VALUES (3, REPEAT('z', 290)), (4, 'four');
DELETE FROM wide;
