"""Wrong settings: --check and the start itself end with one clear line. Needs the images only."""
import pytest

from lib.run import sh_result

GOOD = {"RELEVO_CONTROL_PASSWORD": "c0ntr0l-secret", "RELEVO_REPL_PASSWORD": "r3pl-secret",
        "RELEVO_RESYNC_PASSWORD": "r3sync-secret", "RELEVO_EVENTS_PASSWORD": "3vents-secret",
        "RELEVO_REDIS_PASSWORD": "redis-secret"}
SERVICES = ("watcher", "resync", "dashboard")

WRONG = [
    ({"RELEVO_PROBE_MS": "0"}, ("RELEVO_PROBE_MS", "20", "5000")),
    ({"RELEVO_PROBE_MS": "fast"}, ("RELEVO_PROBE_MS", "fast", "20")),
    ({"RELEVO_SILENT_MS": "3s"}, ("RELEVO_SILENT_MS", "3s")),
    ({"RELEVO_MODE": "sync"}, ("RELEVO_MODE", "sync", "async", "lossless")),
    ({"RELEVO_LANG": "fr"}, ("RELEVO_LANG", "es", "en")),
    ({"RELEVO_NODES": "a:3306,a:3306"}, ("RELEVO_NODES",)),
    ({"RELEVO_NODES": "a:99999"}, ("RELEVO_NODES",)),
    ({"RELEVO_PREFERRED": "nobody"}, ("RELEVO_PREFERRED", "nobody")),
    ({"RELEVO_CLUSTER": "app db"}, ("RELEVO_CLUSTER",)),
    ({"RELEVO_PROBE_MILLIS": "100"}, ("RELEVO_PROBE_MILLIS",)),
    ({"RELEVO_REDIS": "redis"}, ("RELEVO_REDIS",)),
]
WATCHER_WRONG = [
    ({"RELEVO_FAILBACK": "maybe"}, ("RELEVO_FAILBACK", "auto", "manual")),
    ({"RELEVO_FAILOVER_LIMIT": "many"}, ("RELEVO_FAILOVER_LIMIT", "many")),
    ({"RELEVO_CONTROL_PASSWORD": ""}, ("RELEVO_CONTROL_PASSWORD",)),
    ({"RELEVO_REPL_PASSWORD": "x" * 40}, ("RELEVO_REPL_PASSWORD", "32")),
    ({"RELEVO_TLS_CA": "/nowhere/ca.pem"}, ("RELEVO_TLS_CA", "/nowhere/ca.pem")),
    ({"RELEVO_CONTROL_PASSWORD": "", "RELEVO_CONTROL_PASSWORD_FILE": "/nowhere"}, ("RELEVO_CONTROL_PASSWORD_FILE",)),
]


def run(service, settings, *words):
    pairs = [word for name, value in {**GOOD, **settings}.items() for word in ("-e", f"{name}={value}")]
    return sh_result("docker", "run", "--rm", "--network", "none", "--read-only", *pairs,
                     f"relevo-{service}:local", *words, timeout=30)


@pytest.mark.parametrize("service", SERVICES)
def test_check_prints_the_table_without_secrets(service):
    code, text = run(service, {}, "--check")
    assert code == 0, text
    assert "configuration OK" in text and "RELEVO_CLUSTER" in text and "appdb" in text
    assert "(set)" in text
    for secret in GOOD.values():
        assert secret not in text


@pytest.mark.parametrize("words", [("--check",), ()], ids=["check", "start"])
@pytest.mark.parametrize("settings,told", WRONG, ids=lambda v: str(v)[:50])
def test_wrong_settings_end_with_one_line(settings, told, words):
    # One service per case is enough, each in turn: they share the table and the start.
    check_refused(SERVICES[[s for s, _ in WRONG].index(settings) % 3], settings, told, words)


@pytest.mark.parametrize("words", [("--check",), ()], ids=["check", "start"])
@pytest.mark.parametrize("settings,told", WATCHER_WRONG, ids=lambda v: str(v)[:50])
def test_wrong_settings_of_the_watcher(settings, told, words):
    check_refused("watcher", settings, told, words)


def check_refused(service, settings, told, words):
    code, text = run(service, settings, *words)
    assert code != 0, text
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) == 1, f"one line was expected:\n{text}"
    for word in told:
        assert word in lines[0], f"{word} is missing in: {lines[0]}"
    for secret in (*GOOD.values(), "x" * 40):
        assert secret not in text


def test_without_room_for_a_thread_it_ends_with_one_clear_line():
    """Half a service would look alive and do nothing."""
    pairs = [word for name, value in GOOD.items() for word in ("-e", f"{name}={value}")]
    code, text = sh_result("docker", "run", "--rm", "--network", "none", "--read-only", "--pids-limit", "4", *pairs,
                           "relevo-watcher:local", timeout=30)
    assert code == 71, text
    assert "no room for another thread" in text, text
