"""`make up` gives the servers certificates, and Relevo speaks to nobody else: a stranger that takes a server's name on the
network hears no password. Without RELEVO_TLS_CA the same stranger hears it."""
import json

from lib.checkout import as_root
from lib.cluster import A, B
from lib.rogue import rogue
from lib.run import sh, sh_result, wait_until

NETWORK = "relevo-test"
CA = "/etc/relevo/tls/ca/ca.pem"
FOLLOWS = ("SELECT SSL_ALLOWED, SSL_CA_FILE, SSL_VERIFY_SERVER_CERTIFICATE"
           " FROM performance_schema.replication_connection_configuration WHERE CHANNEL_NAME = ''")
CLONES = "SELECT COUNT(*) FROM performance_schema.clone_status WHERE state = 'Completed'"


def state(field):
    return sh("docker", "exec", "redis", "redis-cli", "--raw", "HGET", "relevo:appdb", field).strip()


def phase():
    return state("phase")


def role(node):
    return json.loads(state(f"node:{node}"))["role"]


def passwords(stranger):
    return [it for it in stranger.heard() if "password" in it]


def met(stranger):
    return sum("met" in it for it in stranger.heard())


def test_a_stranger_under_a_servers_name_hears_no_password(checkout):
    folder, run = checkout
    code, said = run("up.sh")
    assert code == 0 and "Added to .env: RELEVO_TLS_CA" in said, said
    assert [(folder / "tls" / key).stat().st_mode & 0o077 for key in ("ca.key", f"{A}/key.pem", f"{B}/key.pem")] == [0] * 3
    env = folder / ".env"
    secret = sh("docker", "exec", A, "printenv", "RELEVO_CONTROL_PASSWORD").strip()

    # Relevo, replication and a clone work, and all three look at the certificate.
    for node in (A, B):
        assert as_root(node, "SELECT @@ssl_ca").strip() == CA
    assert as_root(B, FOLLOWS).split() == ["YES", CA, "YES"]
    sh("docker", "exec", "redis", "redis-cli", "PUBLISH", "relevo:appdb:commands", f"resync {B} method=clone")
    wait_until(lambda: as_root(B, CLONES).strip() == "1" and phase() == "NORMAL", 120, "the clone")
    assert as_root(B, FOLLOWS).split() == ["YES", CA, "YES"]

    sh("docker", "stop", B)
    with rogue(NETWORK, B) as stranger:
        wait_until(lambda: met(stranger) >= 5, 60, "Relevo meets the stranger")
        wait_until(lambda: "is not trusted (RELEVO_TLS_CA)" in sh_result("docker", "logs", "db-watcher")[1], 30,
                   "the watcher says so in its log")
        assert role(B) == "down" and phase() == "DEGRADED"
        assert passwords(stranger) == []

    # The proof that this stranger can: nobody checks.
    env.write_text(env.read_text().replace(f"RELEVO_TLS_CA={CA}", "RELEVO_TLS_CA="))
    code, said = run("up.sh")
    assert code == 0 and "Added" not in said, said
    sh("docker", "stop", B)
    with rogue(NETWORK, B) as stranger:
        wait_until(lambda: passwords(stranger), 60, "the stranger hears a password")
        assert passwords(stranger)[0] == {"user": "relevo", "password": secret}

    # A file of an older version says nothing about it: then it is added, and all trust each other again.
    env.write_text(env.read_text().replace("RELEVO_TLS_CA=\n", ""))
    code, said = run("up.sh")
    assert code == 0 and "Added to .env: RELEVO_TLS_CA" in said, said
    assert as_root(B, FOLLOWS).split() == ["YES", CA, "YES"]

