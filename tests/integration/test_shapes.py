"""Two well-known shapes of data through each rung, compared afterwards row by row and definition by definition: a film
rental (code, views on views, full-text, spatial) and a company with partitions and many rows (SHAPE_ROWS, here 200,000)."""
import os

import pytest

from lib.resync_lab import refusals
from lib.run import ROOT

ROWS = int(os.environ.get("SHAPE_ROWS", 200_000))
ROWS_PER_PERSON = 13.6
PATIENCE_S = 120 + ROWS // 2000


@pytest.fixture
def shapes(lab):
    """Both servers hold both shapes. The rows come without the binlog, hence to b by a clone."""
    if lab.value(lab.a, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'company'") == 0:
        people = int(ROWS / ROWS_PER_PERSON)
        for text in ((ROOT / "tests/cases/film_rental.sql").read_text(),
                     f"SET @people = {people};" + (ROOT / "tests/cases/employees.sql").read_text()):
            lab.run_file(lab.a, "SET SESSION sql_log_bin = 0;" + text, timeout=PATIENCE_S)
        found = sum(lab.value(lab.a, f"SELECT COUNT(*) FROM company.{table}")
                    for table in ("employees", "dept_emp", "titles", "salaries"))
        assert abs(found - ROWS) < ROWS / 20, found
        assert lab.resync("clone", timeout=PATIENCE_S)["rung"] == "clone"
    return lab


def goes_on(lab):
    """What the cluster does while b is away."""
    lab.sql(lab.a, "CALL rental.return_film(90)", "UPDATE rental.film SET title = CONCAT('NEW ', title) WHERE film_id = 8",
            "INSERT INTO rental.customer (store_id, name, address_id, create_date) VALUES (1, 'away', 1, '2006-02-15')",
            "DELETE FROM company.salaries WHERE emp_no % 1000 = 1", "DELETE FROM rental.customer WHERE name = 'away'",
            "UPDATE company.departments SET dept_no = 'd099' WHERE dept_no = 'd009'",
            "UPDATE company.departments SET dept_no = 'd009' WHERE dept_no = 'd099'")


def assert_same(lab):
    lab.assert_clean()
    for node in (lab.a, lab.b):  # what lies beside the rows works too
        assert lab.value(node, "SELECT COUNT(*) FROM rental.film_text WHERE MATCH (title, description) AGAINST ('robot')") == 1000
        assert lab.value(node, "SELECT COUNT(*) FROM rental.address WHERE ST_Within(location,"
                               " ST_GeomFromText('POLYGON((0 0, 9 0, 9 -99, 0 -99, 0 0))'))") == 62
        assert lab.value(node, "SELECT COUNT(*) FROM rental.a_list_of_lists") == 600


def test_clone(shapes):
    goes_on(shapes)
    assert shapes.resync("clone", timeout=PATIENCE_S)["rung"] == "clone"
    assert_same(shapes)


def test_catchup(shapes):
    shapes.sql(shapes.b, "STOP REPLICA")
    goes_on(shapes)
    assert shapes.resync(timeout=PATIENCE_S)["rung"] == "catchup"
    assert_same(shapes)


def test_rewind(shapes):
    """Rows of nearly every table: of parents too, whose keys stay, and across partitions."""
    lab = shapes
    lab.diverge(
        "CALL rental.return_film(180)", "UPDATE rental.film SET title = 'LOST', special_features = 'Trailers', rating = 'R',"
        " release_year = 1999, description = NULL WHERE film_id % 10 = 1",
        "INSERT INTO rental.film (title, description, language_id) VALUES ('NEW', 'robot', 1)",
        "INSERT INTO rental.film_actor VALUES (1, LAST_INSERT_ID())",
        "UPDATE rental.address SET location = ST_GeomFromText('LINESTRING(0 0, 1 1)'), phone = '-' WHERE address_id < 50",
        "UPDATE rental.staff SET picture = REPEAT('x', 5000), active = FALSE", "DELETE FROM rental.payment WHERE payment_id % 50 = 0",
        "UPDATE rental.customer SET email = NULL WHERE customer_id % 3 = 0", "UPDATE rental.rental SET staff_id = 3 - staff_id LIMIT 500",
        "UPDATE company.salaries SET from_date = from_date + INTERVAL 5 YEAR WHERE emp_no BETWEEN 10001 AND 10009 AND"
        " from_date > '1990-01-01' ORDER BY from_date DESC", "DELETE FROM company.titles WHERE emp_no < 10100",
        "UPDATE company.employees SET last_name = 'X', gender = 'F' WHERE emp_no < 11000", "DELETE FROM company.salaries LIMIT 1000",
        "INSERT INTO company.salaries VALUES (1, 1, '1985-01-01', '1986-01-01'), (1, 2, '2020-01-01', '2021-01-01')")
    goes_on(lab)
    job = lab.resync(timeout=PATIENCE_S)
    assert job["rung"] == "rewind", refusals(job)
    assert_same(lab)


def test_dump(shapes):
    goes_on(shapes)
    assert shapes.resync("dump", timeout=PATIENCE_S)["rung"] == "dump"
    assert_same(shapes)
    shapes.sql(shapes.a, "DROP DATABASE rental", "DROP DATABASE company", "DROP USER clerk@'%'")
