"""A copy of the checkout whose scripts run as a person would run them, on the tests' own project and volumes."""
import contextlib
import os
import shutil

from .cluster import PROJECT
from .run import BUILD, ROOT, sh, sh_result


@contextlib.contextmanager
def checkout_copy(env):
    """(folder, run): run starts a script of compose/ as a person's shell would, and returns exit code and output."""
    folder = BUILD / "test/checkout"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".git", "build", ".env", "__pycache__", "*.pem", "ca.key"))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RELEVO_")}
    environment |= {name: env[name] for name in ("MYSQL_IMAGE", "REDIS_IMAGE", "BASE_IMAGE")}
    environment |= {"COMPOSE_FILE": "docker-compose.yml:tests/e2e/override.yml", "COMPOSE_PROJECT_NAME": PROJECT}

    def run(script, *words, **more):
        return sh_result("bash", folder / "compose" / script, *words, timeout=300, stdin="", env=environment | more)
    try:
        yield folder, run
    finally:
        run("down.sh", "--volumes", YES="1")
        shutil.rmtree(folder)


def as_root(node, statements):
    return sh("docker", "exec", "-i", node, "sh", "-c", 'MYSQL_PWD="$MYSQL_ROOT_PASSWORD" exec mysql -uroot -N --raw',
              stdin=statements)
