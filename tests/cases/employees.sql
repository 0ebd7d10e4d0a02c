-- A company: the shape of MySQL's employees sample, with data made up here. @people employees give about 13 times as many
-- rows; salaries and titles are partitioned. Run with the mysql client.
CREATE DATABASE company;
USE company;
SET SESSION cte_max_recursion_depth = 10000000;
CREATE TABLE employees (emp_no INT PRIMARY KEY, birth_date DATE NOT NULL, first_name VARCHAR(14) NOT NULL, last_name VARCHAR(16) NOT NULL,
 gender ENUM('M','F') NOT NULL, hire_date DATE NOT NULL);
CREATE TABLE departments (dept_no CHAR(4) PRIMARY KEY, dept_name VARCHAR(40) NOT NULL UNIQUE);
CREATE TABLE dept_emp (emp_no INT NOT NULL, dept_no CHAR(4) NOT NULL, from_date DATE NOT NULL, to_date DATE NOT NULL, PRIMARY KEY (emp_no, dept_no), KEY (dept_no),
 FOREIGN KEY (emp_no) REFERENCES employees (emp_no) ON DELETE CASCADE, FOREIGN KEY (dept_no) REFERENCES departments (dept_no) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE titles (emp_no INT NOT NULL, title VARCHAR(50) NOT NULL, from_date DATE NOT NULL, to_date DATE, PRIMARY KEY (emp_no, title, from_date))
 PARTITION BY KEY (emp_no) PARTITIONS 4;
CREATE TABLE salaries (emp_no INT NOT NULL, salary INT NOT NULL, from_date DATE NOT NULL, to_date DATE NOT NULL, PRIMARY KEY (emp_no, from_date))
 PARTITION BY RANGE COLUMNS (from_date) (PARTITION p85 VALUES LESS THAN ('1986-01-01'), PARTITION p90 VALUES LESS THAN ('1991-01-01'),
 PARTITION p95 VALUES LESS THAN ('1996-01-01'), PARTITION p00 VALUES LESS THAN ('2001-01-01'), PARTITION rest VALUES LESS THAN (MAXVALUE));
INSERT INTO departments WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT CONCAT('d00', i), CONCAT('Department ', i) FROM n;
INSERT INTO employees WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < @people)
 SELECT 10000 + i, '1952-02-01' + INTERVAL i % 4700 DAY, LEFT(LEFT(SHA2(i % 1275, 224), 32), 14), LEFT(LEFT(SHA2(i % 1637, 224), 40), 16), 1 + i % 2, '1985-01-01' + INTERVAL i % 5400 DAY FROM n;
INSERT INTO dept_emp SELECT e.emp_no, CONCAT('d00', 1 + (e.emp_no + k.i) % 9), e.hire_date, '9999-01-01' FROM employees e JOIN (VALUES ROW(0), ROW(1)) AS k(i) ON k.i = 0 OR e.emp_no % 10 = 0;
INSERT INTO titles SELECT e.emp_no, ELT(1 + k.i, 'Engineer', 'Senior Engineer'), e.hire_date + INTERVAL k.i * 5 YEAR, IF(k.i, NULL, e.hire_date + INTERVAL 5 YEAR)
 FROM employees e JOIN (VALUES ROW(0), ROW(1)) AS k(i) ON k.i = 0 OR e.emp_no % 2 = 0;
INSERT INTO salaries SELECT e.emp_no, 38000 + (e.emp_no * 7 + k.i * 1700) % 60000, e.hire_date + INTERVAL k.i YEAR, e.hire_date + INTERVAL k.i + 1 YEAR
 FROM employees e JOIN (VALUES ROW(0), ROW(1), ROW(2), ROW(3), ROW(4), ROW(5), ROW(6), ROW(7), ROW(8), ROW(9), ROW(10), ROW(11), ROW(12), ROW(13)) AS k(i) ON k.i <= 5 + e.emp_no % 9;
CREATE VIEW latest AS SELECT emp_no, MAX(from_date) AS from_date, MAX(to_date) AS to_date FROM dept_emp GROUP BY emp_no;
CREATE VIEW current_dept_emp AS SELECT d.emp_no, d.dept_no, l.from_date, l.to_date FROM dept_emp d JOIN latest l ON d.emp_no = l.emp_no AND d.from_date = l.from_date;
