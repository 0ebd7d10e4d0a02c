"""README.md, "An existing pair of MySQL servers", as it is written: two servers that compose did not make, on a network of their own,
adopted, failed over, taken back, and left again."""
import os
import re
import shutil

import pymysql
import pytest

from lib import engine
from lib.cluster import PROJECT
from lib.run import BUILD, ROOT, sh, sh_result, wait_until

pytestmark = pytest.mark.long  # `make test-long`

ONE, TWO, NETWORK = "db-one", "db-two", "shopnet"
SECTION = re.search(r"^## An existing pair.*?(?=^## )", (ROOT / "README.md").read_text(), re.S | re.M)[0]
ENV, SETTINGS, ACCOUNTS, CLOSE, START, BEGIN, FENCED_STOP, LEAVE = re.findall(r"^```sh\n(.*?)^```$", SECTION, re.S | re.M)
# As some shop has it: names of its own, no plugin, no account of Relevo's.
CNF = "[mysqld]\ngtid_mode=ON\nenforce_gtid_consistency=ON\nlog_bin=mysql-bin\nmax_connections=400\n"


@pytest.fixture
def shop(bare_cluster):
    """run(script): a block of the README, in a copy of the checkout, as a person's shell would run it."""
    env = bare_cluster.env
    folder = BUILD / "test/existing"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".git", "build", ".env", "__pycache__"))
    (folder / ".env").write_text("".join(f"{k}={v}\n" for k, v in env.items()))
    (folder / "shop.cnf").write_text(CNF)
    # The tests' own volumes; existing.yml comes last, as in .env.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RELEVO_")}
    environment |= {"COMPOSE_FILE": "docker-compose.yml:tests/e2e/override.yml:compose/existing.yml", "COMPOSE_PROJECT_NAME": PROJECT}

    def run(script, code=0):
        done, said = sh_result("bash", "-c", f"cd {folder}\nset -eu\n{script}", timeout=300, env=environment)
        assert done == code, said
        return said
    made = Shop(env, folder, run)
    made.remove()
    made.make()
    yield made
    run("docker-compose down -v -t 5")
    made.remove()
    shutil.rmtree(folder)


class Shop:
    def __init__(self, env, folder, run):
        self.env, self.folder, self.run = env, folder, run

    def make(self):
        sh("docker", "network", "create", NETWORK)
        for number, name in enumerate((ONE, TWO), 1):
            sh("docker", "run", "-d", "--name", name, "--network", NETWORK, "--restart", "unless-stopped", "-e",
               f"MYSQL_ROOT_PASSWORD={self.env['MYSQL_ROOT_PASSWORD']}", "-e", "MYSQL_ROOT_HOST=%", "-v",
               f"{self.folder}/shop.cnf:/etc/mysql/conf.d/shop.cnf:ro", self.env["MYSQL_IMAGE"], "mysqld",
               f"--server-id={number}", "--innodb-buffer-pool-size=64M")
        for name in (ONE, TWO):
            wait_until(lambda n=name: self.value(n, "SELECT @@port") == 3306, 120, f"{name} answers", every=0.3)
        self.sql(TWO, "RESET BINARY LOGS AND GTIDS")
        self.sql(ONE, "CREATE USER shop_repl@'%' IDENTIFIED BY 'theirs'", "GRANT REPLICATION SLAVE ON *.* TO shop_repl@'%'",
                 "CREATE USER shop@'%' IDENTIFIED BY 'shop-pw'", "CREATE DATABASE shop", "GRANT ALL ON shop.* TO shop@'%'",
                 "CREATE TABLE shop.orders (id INT PRIMARY KEY AUTO_INCREMENT)")
        self.sql(TWO, f"CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{ONE}', SOURCE_USER = 'shop_repl', SOURCE_PASSWORD = 'theirs',"
                      " SOURCE_SSL = 1, SOURCE_AUTO_POSITION = 1", "START REPLICA")
        wait_until(lambda: self.value(TWO, "SELECT COUNT(*) FROM shop.orders") == 0, 30, "db-two streams")

    def remove(self):
        sh_result("docker", "rm", "-f", "-v", ONE, TWO)
        sh_result("docker", "network", "rm", NETWORK)

    def sql(self, node, *statements):
        session = pymysql.connect(host=engine.address(node), user="root", password=self.env["MYSQL_ROOT_PASSWORD"], autocommit=True,
                                  connect_timeout=5, ssl={"check_hostname": False, "verify_mode": "none"})
        with session, session.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall()

    def value(self, node, statement):
        return self.sql(node, statement)[0][0]

    def order(self, node):
        with pymysql.connect(host=engine.address(node), user="shop", password="shop-pw", autocommit=True, connect_timeout=5,
                             ssl={"check_hostname": False, "verify_mode": "none"}) as session, session.cursor() as cursor:
            cursor.execute("INSERT INTO shop.orders VALUES ()")

    def orders(self, node):
        return self.value(node, "SELECT COUNT(*) FROM shop.orders")

    def state(self, field):
        return sh("docker", "exec", "redis", "redis-cli", "HGET", "relevo:shop", field).strip()

    def wait(self, timeout, **fields):
        def there():
            now = {field: self.state(field) for field in fields}
            return now == fields or None
        try:
            wait_until(there, timeout, fields, every=0.3)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.state('why')}\n{sh_result('docker', 'logs', '--tail', '30', 'db-watcher')[1]}") from None


def test_the_section_as_it_is_written(shop):
    shop.run(ENV)
    shop.run(SETTINGS)
    shop.run(ACCOUNTS)
    assert shop.run(CLOSE).strip() == ""  # it has nothing of its own
    began = engine.began(ONE), engine.began(TWO)
    shop.run(START.replace("--build", "--no-build"))
    assert sh_result("docker", "inspect", "mysql-primary")[0] != 0  # the demo's servers were not made
    shop.wait(90, phase="FROZEN", rule="132")
    assert shop.value(ONE, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'relevo'") == 0
    shop.run(BEGIN)
    shop.wait(60, phase="NORMAL", primary=ONE)
    assert (engine.began(ONE), engine.began(TWO)) == began
    assert shop.sql(TWO, "SELECT HOST, USER FROM performance_schema.replication_connection_configuration") == ((ONE, "shop_repl"),)

    shop.order(ONE)
    sh("docker", "kill", ONE)
    shop.wait(30, primary=TWO)
    shop.order(TWO)
    sh("docker", "start", ONE)
    shop.wait(120, phase="NORMAL", primary=TWO)
    wait_until(lambda: shop.orders(ONE) == shop.orders(TWO) == 2, 20, "both hold both orders")
    assert shop.value(ONE, "SELECT @@log_bin_basename").endswith("/mysql-bin")

    shop.run("docker exec redis redis-cli PUBLISH relevo:shop:commands 'switchover db-one'")
    shop.wait(30, phase="NORMAL", primary=ONE)
    shop.run(FENCED_STOP)
    shop.wait(30, primary=TWO)
    sh("docker", "start", ONE)
    shop.wait(120, phase="NORMAL", primary=TWO)

    shop.run(LEAVE)
    for node in (TWO, ONE):
        sh("docker", "restart", "-t", "30", node)
    for node in (ONE, TWO):
        wait_until(lambda n=node: shop.value(n, "SELECT @@super_read_only") == 0, 60, f"{node} comes up open", every=0.5)
    wait_until(lambda: shop.value(ONE, "SELECT service_state FROM performance_schema.replication_connection_status") == "ON", 60,
               "the replica replicates by itself again")
    shop.order(TWO)
    wait_until(lambda: shop.orders(ONE) == 3, 20, "it arrives")
