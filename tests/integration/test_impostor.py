"""A server that is none of ours asks for a file of the client's machine, in answer to an ordinary statement: it gets none."""
import pytest

from lib.impostor import Impostor
from lib.run import sh_result, wait_until

from test_session_pins import CHECK

ADDRESS = "127.0.9.9"


@pytest.mark.parametrize("kind", ("plain", "bulk", "terse"))
def test_no_file_is_sent_to_a_server_that_asks_for_one(tmp_path, kind):
    secret = tmp_path / "secret"
    secret.write_text("what is nobody's business")
    impostor = Impostor((ADDRESS, 3306), tmp_path, secret)
    try:
        code, _ = sh_result(CHECK, ADDRESS, "somebody", kind, timeout=60, env={"RELEVO_CONTROL_PASSWORD": "pw"})
        assert code != 0
        wait_until(lambda: impostor.asked, 5, "it was asked")
        assert not any(impostor.files), impostor.files
    finally:
        impostor.close()
