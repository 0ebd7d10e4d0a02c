-- A film rental: the shape of MySQL's well-known sample, with data made up here. Foreign keys that cascade, a cycle between
-- two tables, triggers that keep a full-text table, spatial points, ENUM, SET and YEAR, views on views, code with definers.
CREATE USER IF NOT EXISTS clerk@'%' IDENTIFIED BY 'Clerk.123';
CREATE DATABASE rental;
GRANT SELECT, INSERT, UPDATE, EXECUTE, TRIGGER ON rental.* TO clerk@'%';
USE rental;
SET SESSION cte_max_recursion_depth = 100000;
CREATE TABLE country (country_id SMALLINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, country VARCHAR(50) NOT NULL,
 last_update TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP);
CREATE TABLE city (city_id SMALLINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, city VARCHAR(50) NOT NULL, country_id SMALLINT UNSIGNED NOT NULL,
 KEY (country_id), CONSTRAINT city_country FOREIGN KEY (country_id) REFERENCES country (country_id) ON DELETE RESTRICT ON UPDATE CASCADE);
CREATE TABLE address (address_id SMALLINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, address VARCHAR(50) NOT NULL, address2 VARCHAR(50),
 city_id SMALLINT UNSIGNED NOT NULL, phone VARCHAR(20) NOT NULL, location GEOMETRY NOT NULL SRID 0, SPATIAL KEY (location),
 CONSTRAINT address_city FOREIGN KEY (city_id) REFERENCES city (city_id) ON DELETE RESTRICT ON UPDATE CASCADE);
CREATE TABLE language (language_id TINYINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, name CHAR(20) NOT NULL);
CREATE TABLE film (film_id SMALLINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, title VARCHAR(128) NOT NULL, description TEXT, release_year YEAR,
 language_id TINYINT UNSIGNED NOT NULL, rental_duration TINYINT UNSIGNED NOT NULL DEFAULT 3, rental_rate DECIMAL(4,2) NOT NULL DEFAULT 4.99,
 length SMALLINT UNSIGNED, replacement_cost DECIMAL(5,2) NOT NULL DEFAULT 19.99, rating ENUM('G','PG','PG-13','R','NC-17') DEFAULT 'G',
 special_features SET('Trailers','Commentaries','Deleted Scenes','Behind the Scenes'),
 last_update TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, KEY (title),
 CONSTRAINT film_language FOREIGN KEY (language_id) REFERENCES language (language_id) ON DELETE RESTRICT ON UPDATE CASCADE);
CREATE TABLE film_text (film_id SMALLINT UNSIGNED PRIMARY KEY, title VARCHAR(255) NOT NULL, description TEXT, FULLTEXT KEY words (title, description));
CREATE TABLE actor (actor_id SMALLINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, first_name VARCHAR(45) NOT NULL, last_name VARCHAR(45) NOT NULL, KEY (last_name));
CREATE TABLE film_actor (actor_id SMALLINT UNSIGNED NOT NULL, film_id SMALLINT UNSIGNED NOT NULL, PRIMARY KEY (actor_id, film_id), KEY (film_id),
 CONSTRAINT fa_actor FOREIGN KEY (actor_id) REFERENCES actor (actor_id) ON DELETE RESTRICT ON UPDATE CASCADE,
 CONSTRAINT fa_film FOREIGN KEY (film_id) REFERENCES film (film_id) ON DELETE RESTRICT ON UPDATE CASCADE);
SET foreign_key_checks = 0;
CREATE TABLE store (store_id TINYINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, manager_id TINYINT UNSIGNED NOT NULL UNIQUE, address_id SMALLINT UNSIGNED NOT NULL,
 CONSTRAINT store_manager FOREIGN KEY (manager_id) REFERENCES staff (staff_id) ON DELETE RESTRICT ON UPDATE CASCADE,
 CONSTRAINT store_address FOREIGN KEY (address_id) REFERENCES address (address_id) ON DELETE RESTRICT ON UPDATE CASCADE);
CREATE TABLE staff (staff_id TINYINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, first_name VARCHAR(45) NOT NULL, picture BLOB, store_id TINYINT UNSIGNED NOT NULL,
 password VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, active BOOLEAN NOT NULL DEFAULT TRUE,
 CONSTRAINT staff_store FOREIGN KEY (store_id) REFERENCES store (store_id) ON DELETE RESTRICT ON UPDATE CASCADE);
SET foreign_key_checks = 1;
CREATE TABLE customer (customer_id SMALLINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, store_id TINYINT UNSIGNED NOT NULL, name VARCHAR(90) NOT NULL,
 email VARCHAR(50), address_id SMALLINT UNSIGNED NOT NULL, active BOOLEAN NOT NULL DEFAULT TRUE, create_date DATETIME NOT NULL,
 CONSTRAINT customer_store FOREIGN KEY (store_id) REFERENCES store (store_id) ON DELETE RESTRICT ON UPDATE CASCADE,
 CONSTRAINT customer_address FOREIGN KEY (address_id) REFERENCES address (address_id) ON DELETE RESTRICT ON UPDATE CASCADE);
CREATE TABLE inventory (inventory_id MEDIUMINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, film_id SMALLINT UNSIGNED NOT NULL, store_id TINYINT UNSIGNED NOT NULL,
 KEY (store_id, film_id), CONSTRAINT inv_film FOREIGN KEY (film_id) REFERENCES film (film_id) ON DELETE RESTRICT ON UPDATE CASCADE,
 CONSTRAINT inv_store FOREIGN KEY (store_id) REFERENCES store (store_id) ON DELETE RESTRICT ON UPDATE CASCADE);
CREATE TABLE rental (rental_id INT AUTO_INCREMENT PRIMARY KEY, rental_date DATETIME NOT NULL, inventory_id MEDIUMINT UNSIGNED NOT NULL,
 customer_id SMALLINT UNSIGNED NOT NULL, return_date DATETIME, staff_id TINYINT UNSIGNED NOT NULL, UNIQUE KEY (rental_date, inventory_id, customer_id),
 CONSTRAINT rental_inventory FOREIGN KEY (inventory_id) REFERENCES inventory (inventory_id) ON DELETE RESTRICT ON UPDATE CASCADE,
 CONSTRAINT rental_customer FOREIGN KEY (customer_id) REFERENCES customer (customer_id) ON DELETE RESTRICT ON UPDATE CASCADE,
 CONSTRAINT rental_staff FOREIGN KEY (staff_id) REFERENCES staff (staff_id) ON DELETE RESTRICT ON UPDATE CASCADE);
CREATE TABLE payment (payment_id SMALLINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, customer_id SMALLINT UNSIGNED NOT NULL, rental_id INT, amount DECIMAL(5,2) NOT NULL,
 payment_date DATETIME NOT NULL, CONSTRAINT payment_customer FOREIGN KEY (customer_id) REFERENCES customer (customer_id) ON DELETE RESTRICT ON UPDATE CASCADE,
 CONSTRAINT payment_rental FOREIGN KEY (rental_id) REFERENCES rental (rental_id) ON DELETE SET NULL ON UPDATE CASCADE);
DELIMITER //
CREATE DEFINER = clerk@'%' FUNCTION in_stock(p_inventory INT) RETURNS BOOLEAN READS SQL DATA SQL SECURITY INVOKER BEGIN
  RETURN NOT EXISTS (SELECT 1 FROM rental WHERE inventory_id = p_inventory AND return_date IS NULL); END//
CREATE FUNCTION balance(p_customer INT, p_at DATETIME) RETURNS DECIMAL(7,2) READS SQL DATA BEGIN DECLARE fees, paid DECIMAL(7,2);
  SELECT COALESCE(SUM(f.rental_rate), 0) INTO fees FROM film f JOIN inventory i USING (film_id) JOIN rental r USING (inventory_id)
    WHERE r.rental_date <= p_at AND r.customer_id = p_customer;
  SELECT COALESCE(SUM(amount), 0) INTO paid FROM payment WHERE payment_date <= p_at AND customer_id = p_customer; RETURN fees - paid; END//
CREATE DEFINER = clerk@'%' PROCEDURE film_in_stock(IN p_film INT, IN p_store INT, OUT p_count INT) READS SQL DATA COMMENT 'copies on the shelf' BEGIN
  SELECT COUNT(*) INTO p_count FROM inventory WHERE film_id = p_film AND store_id = p_store AND in_stock(inventory_id); END//
CREATE PROCEDURE return_film(IN p_rental INT) MODIFIES SQL DATA BEGIN UPDATE rental SET return_date = rental_date + INTERVAL 3 DAY WHERE rental_id = p_rental;
  INSERT INTO payment (customer_id, rental_id, amount, payment_date) SELECT customer_id, rental_id, 1.99, return_date FROM rental WHERE rental_id = p_rental; END//
CREATE TRIGGER film_insert AFTER INSERT ON film FOR EACH ROW INSERT INTO film_text VALUES (NEW.film_id, NEW.title, NEW.description)//
CREATE TRIGGER film_update AFTER UPDATE ON film FOR EACH ROW BEGIN IF NOT (OLD.title <=> NEW.title AND OLD.description <=> NEW.description AND OLD.film_id = NEW.film_id) THEN
  UPDATE film_text SET title = NEW.title, description = NEW.description, film_id = NEW.film_id WHERE film_id = OLD.film_id; END IF; END//
CREATE TRIGGER film_delete AFTER DELETE ON film FOR EACH ROW DELETE FROM film_text WHERE film_id = OLD.film_id//
CREATE DEFINER = clerk@'%' TRIGGER customer_date BEFORE INSERT ON customer FOR EACH ROW SET NEW.create_date = COALESCE(NEW.create_date, '2006-02-14')//
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2031-01-01 03:00:00' DO DELETE FROM rental.payment WHERE amount = 0//
DELIMITER ;
INSERT INTO country (country) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) SELECT CONCAT('país ', i) FROM n;
INSERT INTO city (city, country_id) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600) SELECT CONCAT('city ', i), 1 + i % 100 FROM n;
INSERT INTO address (address, city_id, phone, location) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)
 SELECT CONCAT(i, ' Calle Mayor'), i, 600000000 + i, ST_GeomFromText(CONCAT('POINT(', i / 7, ' ', -i / 3, ')')) FROM n;
INSERT INTO language (name) VALUES ('English'), ('Español'), ('日本語');
INSERT INTO film (title, description, release_year, language_id, rental_rate, length, rating, special_features)
 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT CONCAT('FILM ', LEFT(SHA2(i, 224), 40)), CONCAT('A drama of a robot and a ', LEFT(SHA2(i, 224), 32)),
 1950 + i % 70, 1 + i % 3, 0.99 + i % 4, 46 + i % 140, 1 + i % 5, i % 16 FROM n;
INSERT INTO actor (first_name, last_name) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT LEFT(SHA2(i, 224), 32), LEFT(SHA2(i % 120, 224), 32) FROM n;
INSERT INTO film_actor SELECT a.actor_id, f.film_id FROM actor a JOIN film f ON (a.actor_id * 7 + f.film_id) % 37 = 0;
SET foreign_key_checks = 0; INSERT INTO staff (first_name, picture, store_id) VALUES ('Mike', x'89504e47', 1), ('Jon', NULL, 2);
INSERT INTO store (manager_id, address_id) VALUES (1, 1), (2, 2); SET foreign_key_checks = 1;
INSERT INTO customer (store_id, name, email, address_id, create_date) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)
 SELECT 1 + i % 2, CONCAT('Customer ', i), CONCAT(i, '@example.org'), i, '2006-02-14' FROM n;
INSERT INTO inventory (film_id, store_id) SELECT f.film_id, 1 + (f.film_id + c.i) % 2 FROM film f JOIN (VALUES ROW(0), ROW(1), ROW(2), ROW(3)) AS c(i);
INSERT INTO rental (rental_date, inventory_id, customer_id, return_date, staff_id) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 16000)
 SELECT '2005-05-24' + INTERVAL i * 11 MINUTE, 1 + i % 4000, 1 + i % 599, IF(i % 90, '2005-05-27' + INTERVAL i * 11 MINUTE, NULL), 1 + i % 2 FROM n;
INSERT INTO payment (customer_id, rental_id, amount, payment_date) SELECT customer_id, rental_id, 0.99 + rental_id % 9, rental_date FROM rental;
CREATE VIEW film_list AS SELECT f.film_id, f.title, f.rating, GROUP_CONCAT(a.last_name ORDER BY a.actor_id SEPARATOR ', ') AS actors FROM film f
 JOIN film_actor USING (film_id) JOIN actor a USING (actor_id) GROUP BY f.film_id;
CREATE DEFINER = clerk@'%' SQL SECURITY DEFINER VIEW customer_list AS SELECT c.customer_id, c.name, a.address, t.city, n.country FROM customer c JOIN address a USING (address_id)
 JOIN city t USING (city_id) JOIN country n USING (country_id);
CREATE SQL SECURITY INVOKER VIEW a_list_of_lists AS SELECT l.*, b.actors FROM customer_list l JOIN film_list b ON b.film_id = l.customer_id; -- made from views, sorts before them
CREATE ALGORITHM = MERGE VIEW cheap_films AS SELECT film_id, title, rental_rate FROM film WHERE rental_rate < 2 WITH CASCADED CHECK OPTION;
