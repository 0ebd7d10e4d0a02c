"""docs/operations.md, as it is written: each recipe on a cluster that `make up` made, with a table that must live through all."""
import re

import pytest

from lib import api
from lib.checkout import as_root
from lib.cluster import A, B
from lib.run import ROOT, sh, sh_result

pytestmark = pytest.mark.long  # `make test-long`

PARTS = re.split(r"^## (.*)$", (ROOT / "docs/operations.md").read_text(), flags=re.M)
BLOCKS = ["".join(re.findall(r"^```sh\n(.*?)^```$", part, re.S | re.M)) for part in PARTS]
TOOLS, RECIPES = BLOCKS[0], dict(zip(PARTS[1::2], BLOCKS[2::2]))


@pytest.fixture
def shell(checkout):
    folder, run = checkout
    code, said = run("up.sh")
    assert code == 0, said
    as_root(A, "CREATE TABLE appdb.kept (id INT PRIMARY KEY); INSERT INTO appdb.kept VALUES (1);")
    script = folder / "recipe.sh"

    def carry_out(block, **more):
        # What .env says counts here, as in a person's shell.
        script.write_text(f"set -eu\nunset MYSQL_IMAGE\ncd {folder}\n{TOOLS}" + "".join(f"{k}={v}\n" for k, v in more.items()) + block)
        code, said = run("../recipe.sh")
        assert code == 0, said
    return carry_out


def test_each_recipe(shell):
    assert len(RECIPES) == 7, list(RECIPES)
    sh("docker", "tag", sh("docker", "inspect", "-f", "{{.Image}}", A).strip(), "relevo-mysql:next")
    try:
        for number, (title, block) in enumerate(RECIPES.items(), 2):
            shell(block, NEXT_IMAGE="relevo-mysql:next")
            names = ("one", "two") if "name for a node" in title else (A, B)
            assert api.get(f"/primary?node={names[0]}").status == 200, title
            as_root(A, f"INSERT INTO appdb.kept VALUES ({number});")
        for node in (A, B):
            assert int(as_root(node, "SELECT COUNT(*) FROM appdb.kept")) >= len(RECIPES), node
        assert sh("docker", "inspect", "-f", "{{.Config.Image}}", B).strip() == "relevo-mysql:next"
    finally:
        sh_result("docker", "rmi", "relevo-mysql:next")
