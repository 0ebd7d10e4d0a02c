-- Everything that a logical copy gets wrong easily: each type at its limits, charsets, generated and invisible columns,
-- tables without keys, partitions, foreign-key cycles, code made under odd session settings, names that need quoting.
CREATE DATABASE hard CHARACTER SET latin1 COLLATE latin1_spanish_ci; 
CREATE DATABASE `we``ird-ñ 名`;
USE hard;
CREATE TABLE types (
 id INT PRIMARY KEY AUTO_INCREMENT,
 ti TINYINT, si SMALLINT UNSIGNED, mi MEDIUMINT, bi BIGINT UNSIGNED, zf INT(8) ZEROFILL,
 f FLOAT, d DOUBLE, fm FLOAT(7,3), de DECIMAL(65,30), bo BOOL,
 b1 BIT(1), b64 BIT(64), c CHAR(10), vc VARCHAR(200), l1 VARCHAR(100) CHARACTER SET latin1, sj VARCHAR(100) CHARACTER SET sjis, u16 VARCHAR(100) CHARACTER SET utf16, gbk VARCHAR(50) CHARACTER SET gbk, u4 VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
 bin BINARY(8), vb VARBINARY(300), tb TINYBLOB, lb LONGBLOB, tx TEXT CHARACTER SET utf8mb4, lt LONGTEXT,
 e ENUM('a','b,c','1','2','ñ') , s SET('x','y','z w'), j JSON,
 dt DATE, t TIME(6), dtm DATETIME(6), ts TIMESTAMP(3) NULL, y YEAR,
 g GEOMETRY, p POINT SRID 4326, v VECTOR(4),
 gv INT GENERATED ALWAYS AS (ti+1) VIRTUAL, gs VARCHAR(300) GENERATED ALWAYS AS (CONCAT(vc,'!')) STORED,
 inv INT INVISIBLE DEFAULT 7, uu BINARY(16) DEFAULT (UUID_TO_BIN(UUID())),
 KEY (vc), FULLTEXT KEY ft (tx), KEY fx ((ti*2)), UNIQUE KEY uq (l1), CONSTRAINT ck CHECK (ti < 127) NOT ENFORCED
) COMMENT='tabla «rara» 名';
SET SESSION sql_mode='', time_zone='+00:00';
INSERT INTO types (ti,si,mi,bi,zf,f,d,fm,de,bo,b1,b64,c,vc,l1,sj,u16,gbk,u4,bin,vb,tb,lb,tx,lt,e,s,j,dt,t,dtm,ts,y,g,p,v,inv) VALUES
(-128,65535,-8388608,18446744073709551615,42,1.17549e-38,2.2250738585072014e-308,1234.567,-12345678901234567890.123456789012345678901234567890,1,b'1',0xFFFFFFFFFFFFFFFF,'x  ','tab\tnl\nbs\\nul\0cr\rq''dq"',_latin1 x'e9f1', _sjis x'835c815c', '𝄞名', _gbk x'bf5c','🎉\\N',x'0001090a5c00ff27',x'00ff095c4e0a0d1a',x'5c4e',REPEAT(x'00010a',1000),'texto 🎉','',
 'b,c','x,z w','{"a": [1, 2.5, null, true, "ñ\\n\\t"], "b": {"c": 1e300}}','1000-01-01','-838:59:59.000000','9999-12-31 23:59:59.999999','2038-01-19 03:14:07.999',1901,ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))'),ST_GeomFromText('POINT(10 20)',4326),TO_VECTOR('[1,2.5,-3,4e-3]'),99),
(1,0,0,0,0,3.14159274,0.1,0.001,0.000000000000000000000000000001,0,b'0',b'1','','',NULL,NULL,NULL,NULL,NULL,'','','','','','',  'zzz','', 'null','0000-00-00','00:00:00','0000-00-00 00:00:00','0000-00-00 00:00:00','0000',NULL,NULL,NULL,NULL);
INSERT INTO types (ti) VALUES (NULL);
SET SESSION sql_mode='NO_AUTO_VALUE_ON_ZERO'; INSERT INTO types(id,ti,e) VALUES (0,5,'1'),(-5,6,'2'); SET SESSION sql_mode=DEFAULT;
UPDATE types SET f=16777217, d=123456789.123456789 WHERE id=2;
ALTER TABLE types AUTO_INCREMENT=5000;
-- Dates that no calendar has, in a key, in rows and as a default; and an empty value of an ENUM beside a member that is ''.
SET SESSION sql_mode='ALLOW_INVALID_DATES';
CREATE TABLE dates (d DATE NOT NULL DEFAULT '2023-02-30', at DATETIME(3) DEFAULT '2023-04-31 01:02:03', PRIMARY KEY (d));
INSERT INTO dates VALUES ('2023-02-30', '2023-02-31 23:59:59.5'), ('0000-00-00', '0000-00-00'), ('2023-00-10', '2023-06-00'), ('2023-11-31', NULL);
CREATE TABLE odd_enums (id INT PRIMARY KEY, e ENUM('', 'a'), s SET('', 'b'), d DATE);
INSERT INTO odd_enums VALUES (1, '', '', NULL), (2, 'a', 'b,', '2023-02-30'), (3, 2, 3, NULL);
SET SESSION sql_mode='', cte_max_recursion_depth=5000;
INSERT INTO odd_enums WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i+1 FROM n WHERE i<3000) SELECT i, 'bad', 0, '2020-01-01' FROM n;
SET SESSION sql_mode='ALLOW_INVALID_DATES'; INSERT INTO odd_enums VALUES (9999, '', 1, '2023-02-30'); SET SESSION sql_mode=DEFAULT;
SET sql_generate_invisible_primary_key=ON; CREATE TABLE nopk (a INT, b TEXT) CHARSET=utf8mb4; SET sql_generate_invisible_primary_key=OFF; INSERT INTO nopk VALUES (1,'uno'),(2,NULL),(1,'uno');
CREATE TABLE heap_nopk (a INT, b INT); INSERT INTO heap_nopk VALUES (1,1),(1,1),(NULL,2);
CREATE TABLE par (id INT, y INT, PRIMARY KEY(id,y)) PARTITION BY RANGE (y) SUBPARTITION BY HASH(id) SUBPARTITIONS 2 (PARTITION p0 VALUES LESS THAN (2000), PARTITION p1 VALUES LESS THAN MAXVALUE);
INSERT INTO par VALUES (1,1999),(2,2000),(3,2020);
SET foreign_key_checks=0;
CREATE TABLE fk_a (id INT PRIMARY KEY, b INT, CONSTRAINT ab FOREIGN KEY (b) REFERENCES fk_b(id) ON DELETE CASCADE);
CREATE TABLE fk_b (id INT PRIMARY KEY, a INT, CONSTRAINT ba FOREIGN KEY (a) REFERENCES fk_a(id) ON UPDATE SET NULL);
INSERT INTO fk_a VALUES (1,1),(2,NULL); INSERT INTO fk_b VALUES (1,1),(2,2); SET foreign_key_checks=1;
CREATE TABLE my_isam (a INT PRIMARY KEY, b VARCHAR(10)) ENGINE=MyISAM; INSERT INTO my_isam VALUES (1,'m');
CREATE TABLE empty_t (a INT PRIMARY KEY);
CREATE TABLE `we``ird t` (`co``l ñ` INT PRIMARY KEY, `sel ect` VARCHAR(5)); INSERT INTO `we``ird t` VALUES (1,'a');
CREATE TABLE big (id INT PRIMARY KEY AUTO_INCREMENT, a CHAR(36) NOT NULL, b VARCHAR(500)) CHARSET=utf8mb4;
SET SESSION cte_max_recursion_depth=200000;
INSERT INTO big(a,b) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<100000) SELECT UUID(), REPEAT(CONCAT('fila ',i,'\t'), 1+i%40) FROM n;
-- Keys that a copy may build last, and around them what must be there from the start; large enough for that to matter.
CREATE TABLE keyed_top (id INT PRIMARY KEY); INSERT INTO keyed_top VALUES (1), (2);
CREATE TABLE keyed (grp INT NOT NULL, n BIGINT NOT NULL AUTO_INCREMENT, a CHAR(36) NOT NULL, b VARCHAR(500), up INT, low INT GENERATED ALWAYS AS (grp + 1) VIRTUAL,
 PRIMARY KEY (grp, n), UNIQUE KEY (a), KEY (n), KEY up_and (up, n), KEY later (b(20) DESC, a) COMMENT 'it''s, (KEY `x`)', KEY unseen (low) INVISIBLE,
 KEY `we``ird, (key)` (b(5)), FULLTEXT KEY words (b), CONSTRAINT keyed_up FOREIGN KEY (up) REFERENCES keyed_top (id)) CHARSET=utf8mb4;
INSERT INTO keyed (grp, a, b, up) SELECT id % 3, a, b, 1 + id % 2 FROM big WHERE id <= 8000;
CREATE TABLE keyed_parts (id INT NOT NULL PRIMARY KEY, a CHAR(36), b VARCHAR(500), KEY (a), KEY (b(30))) CHARSET=utf8mb4 PARTITION BY HASH (id) PARTITIONS 3;
INSERT INTO keyed_parts SELECT id, a, b FROM big WHERE id <= 8000;
ANALYZE TABLE big, keyed, keyed_parts;
CREATE TABLE log_t (id INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(50));
DELIMITER //
CREATE DEFINER='root'@'%' FUNCTION suma(a INT, b INT) RETURNS INT NO SQL BEGIN RETURN a+b; END//
SET sql_mode='ANSI_QUOTES,PIPES_AS_CONCAT'//
CREATE PROCEDURE "proc ñ"(IN p INT, OUT r VARCHAR(20)) SQL SECURITY INVOKER COMMENT 'coment''ario' BEGIN SELECT 'a' || p INTO r FROM "big" LIMIT 1; END//
SET sql_mode=DEFAULT//
CREATE TRIGGER big_ai AFTER INSERT ON big FOR EACH ROW INSERT INTO log_t(what) VALUES (CONCAT('ins ', NEW.id))//
CREATE TRIGGER big_ai2 AFTER INSERT ON big FOR EACH ROW PRECEDES big_ai INSERT INTO log_t(what) VALUES ('primero')//
CREATE EVENT ev_on ON SCHEDULE EVERY 1 DAY STARTS '2031-01-01 00:00:00' ON COMPLETION PRESERVE ENABLE COMMENT 'ON COMPLETION PRESERVE ENABLE' DO INSERT INTO log_t(what) VALUES ('ev')//
CREATE EVENT ev_off ON SCHEDULE EVERY 1 HOUR DISABLE DO DO SLEEP(0)//
SET NAMES latin1//
CREATE PROCEDURE latina() SELECT 'a'//
SET NAMES utf8mb4//
DELIMITER ;
CREATE VIEW z_base AS SELECT id, a FROM big WHERE id < 10;
CREATE VIEW a_top AS SELECT z.id, suma(z.id,1) AS s FROM z_base z;
CREATE DEFINER='nadie'@'nowhere' SQL SECURITY DEFINER VIEW orphan AS SELECT 1 AS uno;
CREATE TABLE `we``ird-ñ 名`.t (a INT PRIMARY KEY); INSERT INTO `we``ird-ñ 名`.t VALUES (1);
CREATE ROLE lector; GRANT SELECT ON hard.* TO lector;
CREATE USER 'ana'@'%' IDENTIFIED BY 'Ana.123' REQUIRE SSL PASSWORD EXPIRE INTERVAL 90 DAY COMMENT 'usuaria'; GRANT lector TO 'ana'@'%' WITH ADMIN OPTION; SET DEFAULT ROLE lector TO 'ana'@'%';
GRANT SELECT (id), UPDATE (a) ON hard.big TO 'ana'@'%'; GRANT EXECUTE ON FUNCTION hard.suma TO 'ana'@'%'; GRANT BACKUP_ADMIN ON *.* TO 'ana'@'%'; GRANT INSERT ON `hard`.`par` TO 'ana'@'%' WITH GRANT OPTION;
CREATE USER 'luis'@'10.%' IDENTIFIED BY RANDOM PASSWORD ACCOUNT LOCK; 
