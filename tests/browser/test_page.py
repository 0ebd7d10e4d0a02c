"""The page in a real browser: live during a failover, actions with and without token, both languages, all sizes."""
import json

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from lib import api
from lib.cluster import A, B
from lib.run import wait_until

WIDE, NARROW = (1400, 1000), (390, 844)


def text(driver, css):
    return driver.execute_script("return document.querySelector(arguments[0]).innerText.trim()", css)


def title(driver):
    # As written; the page shows it in capitals.
    return driver.find_element(By.ID, "actions-title").get_attribute("textContent")


def role(driver, node):
    # In one step: the page may be drawn anew between finding an element and asking it.
    return driver.execute_script("return document.querySelector(arguments[0]).dataset.role", f'#nodes [data-node="{node}"]')


def wait_page(driver, phase, timeout=20):
    wait_until(lambda: driver.find_element(By.ID, "phase").get_attribute("data-phase") == phase, timeout,
               f"the page shows {phase}")


def wait_link(driver, state="live"):
    wait_until(lambda: driver.find_element(By.ID, "link").get_attribute("data-state") == state, 15,
               f"the page is {state}")


def assert_clean(driver):
    """No error in the console, nothing asked from another host, nothing wider than the screen."""
    errors = [e for e in driver.get_log("browser") if e["level"] == "SEVERE" and " 401 " not in e["message"]]
    assert not errors, errors
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            url = message["params"]["request"]["url"]
            assert url.startswith(("http://127.0.0.1:8000/", "data:", "blob:", "chrome", "about:")), url
    wide = driver.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0, f"the page is {wide} px too wide"


def test_live_during_a_failover(cluster, open_page, shoot):
    """Nobody reloads: the page follows the failover, the resync and the way back."""
    driver = open_page("?lang=en")
    wait_link(driver)
    wait_page(driver, "NORMAL")
    assert role(driver, A) == "primary" and role(driver, B) == "replica"
    assert A in text(driver, "#picture") or A in driver.find_element(By.ID, "picture").get_attribute("innerHTML")
    before = driver.execute_script("return performance.timeOrigin")
    shoot(driver, "normal")

    cluster.docker("kill", A)
    wait_until(lambda: role(driver, B) == "primary", 15, f"the page shows {B} as primary")
    wait_until(lambda: role(driver, A) == "down", 15, f"the page shows {A} as down")
    wait_page(driver, "DEGRADED")
    wait_until(lambda: "FAILOVER" in text(driver, "#events").upper(), 10, "the event is listed")
    assert B in text(driver, "#phase-why")
    shoot(driver, "degraded")

    cluster.docker("start", A)
    wait_until(lambda: driver.find_elements(By.CSS_SELECTOR, f'#jobs [data-job="{A}"]'), 60, "the job is shown")
    shoot(driver, "resync")
    cluster.wait_normal(A)
    wait_until(lambda: role(driver, A) == "primary" and role(driver, B) == "replica", 20, "the page shows the way back")
    wait_page(driver, "NORMAL")
    wait_until(lambda: text(driver, "#history").count("\n") > 1, 5, "the history is listed")
    assert driver.execute_script("return performance.timeOrigin") == before, "the page was loaded again"
    assert_clean(driver)


def shows_the_ways(driver):
    """The page names every command that the API names now, with what it risks; there is at least one."""
    ways, shown = api.get("/api/v1/verdict?lang=en").json()["ways"], text(driver, "#verdict")
    return len(ways) > 0 and all(way["command"] in shown and way["risk"] in shown for way in ways)


def ask(driver, action):
    driver.find_element(By.CSS_SELECTOR, f'#actions button[data-action="{action}"]').click()
    wait_until(lambda: driver.find_element(By.ID, "ask").get_attribute("open") is not None, 5, "the dialog asks")


def go(driver):
    driver.find_element(By.ID, "ask-go").click()


def result(driver):
    box = driver.find_element(By.ID, "ask-result")
    return box.get_attribute("data-tone"), box.text


def test_an_action_needs_the_token_and_asks_first(manual_cluster, open_page, shoot):
    cluster = manual_cluster
    driver = open_page("?lang=en")
    wait_page(driver, "NORMAL")
    epoch, mark = cluster.state()["epoch"], cluster.mark()

    # It asks, and closing the dialog does nothing.
    ask(driver, "switchover")
    shoot(driver, "dialog")
    assert text(driver, "#ask-says")
    driver.find_element(By.ID, "ask-cancel").click()

    # Without a token nothing is sent; with a wrong one nothing is done.
    ask(driver, "switchover")
    go(driver)
    assert result(driver)[0] == "bad" and result(driver)[1]
    driver.find_element(By.ID, "ask-token").send_keys("wrong-token")
    go(driver)
    wait_until(lambda: result(driver)[0] == "bad" and "token" in result(driver)[1].lower(), 10, "the token is refused")
    assert cluster.state()["epoch"] == epoch and not cluster.events(mark, type="COMMAND_ACCEPTED")
    driver.find_element(By.ID, "ask-cancel").click()

    # With the token it is done, and the answer appears in the dialog.
    ask(driver, "switchover")
    Select(driver.find_element(By.ID, "ask-node")).select_by_value(B)
    driver.find_element(By.ID, "ask-token").send_keys(cluster.env["RELEVO_API_TOKEN"])
    go(driver)
    wait_until(lambda: result(driver)[0] == "good", 20, f"done: {result(driver)}")
    wait_until(lambda: role(driver, B) == "primary", 20, "the page shows the new primary")
    driver.find_element(By.ID, "ask-cancel").click()
    cluster.wait_normal(B)

    # The token stays for this tab only, and can be forgotten.
    ask(driver, "maintenance")
    assert not driver.find_element(By.ID, "ask-token").is_displayed()
    go(driver)
    wait_page(driver, "FROZEN")
    driver.find_element(By.ID, "ask-cancel").click()
    wait_until(lambda: cluster.phase() == "FROZEN", 5, "FROZEN")
    wait_until(lambda: shows_the_ways(driver), 20, "the page says what a person may do, and the risk")
    shoot(driver, "frozen")
    ask(driver, "maintenance")
    go(driver)
    wait_page(driver, "NORMAL")
    driver.find_element(By.ID, "ask-cancel").click()
    driver.find_element(By.ID, "token-forget").click()
    assert driver.execute_script("return sessionStorage.length") == 0
    assert cluster.env["RELEVO_API_TOKEN"] not in driver.page_source


def test_without_a_token_actions_are_off_and_the_page_says_how(keeper, open_page, shoot):
    cluster = keeper.get(RELEVO_FAILBACK="auto")
    secret = cluster.env["RELEVO_API_TOKEN"]
    try:
        cluster.configure(RELEVO_API_TOKEN="")
        wait_until(lambda: api.get("/readyz").status == 200, 20, "the dashboard is ready")
        driver = open_page("?lang=en")
        wait_page(driver, "NORMAL")
        buttons = driver.find_elements(By.CSS_SELECTOR, "#actions button[data-action]")
        assert buttons and not any(b.is_enabled() for b in buttons)
        assert "RELEVO_API_TOKEN" in text(driver, "#actions-off")
        shoot(driver, "actions-off")
        assert api.call("POST", "/api/v1/failover", {}).status in (401, 403, 503)
    finally:
        cluster.configure(RELEVO_API_TOKEN=secret)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("lang,word", [("es", "Acciones"), ("en", "Actions")])
def test_languages_sizes_and_themes(cluster, open_page, shoot, size, dark, lang, word):
    driver = open_page(f"?lang={lang}", *size, dark=dark)
    wait_link(driver)
    wait_page(driver, "NORMAL")
    assert title(driver) == word
    assert text(driver, "#phase-why") and "{" not in text(driver, "body")
    wait_until(lambda: text(driver, "#events") and text(driver, "#verdict"), 10, "events and verdict are shown")
    back = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    light = sum(int(n) for n in back[back.index("(") + 1:-1].split(",")[:3]) > 3 * 128
    assert light != dark, back
    shoot(driver, f"{lang}-{'dark' if dark else 'light'}-{size[0]}")
    assert_clean(driver)


def test_the_language_can_be_changed_and_stays(cluster, open_page):
    driver = open_page("?lang=es")
    wait_page(driver, "NORMAL")
    spanish = text(driver, "#phase-why")
    driver.find_element(By.ID, "lang").click()
    wait_until(lambda: title(driver) == "Actions", 5, "English")
    # What the watcher said is translated too.
    wait_until(lambda: text(driver, "#phase-why") not in ("", spanish), 10, "the reason is in English")
    driver.get("http://127.0.0.1:8000/static/dashboard.html")
    wait_until(lambda: title(driver) == "Actions", 5, "still English")


def test_the_page_says_when_redis_or_the_dashboard_is_away(cluster, open_page, shoot):
    driver = open_page("?lang=en")
    wait_link(driver)
    wait_page(driver, "NORMAL")
    banner = driver.find_element(By.ID, "banner")
    cluster.docker("stop", "-t", "5", "redis")
    wait_until(lambda: banner.is_displayed() and "Redis" in banner.text, 20, "the banner names Redis")
    shoot(driver, "redis-away")
    cluster.docker("start", "redis")
    wait_until(lambda: not banner.is_displayed(), 30, "the banner goes")
    cluster.docker("stop", "-t", "5", "fastapi-dashboard")
    wait_link(driver, "lost")
    wait_until(banner.is_displayed, 10, "the banner says that what is shown is old")
    cluster.docker("start", "fastapi-dashboard")
    wait_until(lambda: driver.find_element(By.ID, "link").get_attribute("data-state") in ("live", "polling"), 30,
               "it comes back by itself")
    wait_until(lambda: not banner.is_displayed(), 20, "the banner goes")


def test_where_streams_are_cut_the_page_polls(cluster, open_page):
    """A proxy that breaks event streams: here the browser itself refuses that one address."""
    driver = open_page("?lang=en")
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/api/v1/stream*"]})
    driver.get("http://127.0.0.1:8000/static/dashboard.html?lang=en")
    wait_link(driver, "polling")
    wait_page(driver, "NORMAL")
    assert role(driver, A) == "primary"


def test_hostile_text_stays_text(cluster, open_page):
    """What comes over the channel is shown, never run."""
    driver = open_page("?lang=en")
    wait_link(driver)
    mark = cluster.mark()
    cluster.command('<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>')
    cluster.wait_event(mark, type="COMMAND_REFUSED")
    wait_until(lambda: "<img" in text(driver, "#events"), 10, "the text is shown")
    assert not driver.find_elements(By.CSS_SELECTOR, "#events img, #events script")
    assert driver.title != "owned"


def test_swagger_works_offline_over_the_whole_api(cluster, open_page, shoot):
    spec = api.get("/openapi.json").json()
    for path in ("/status", "/api/v1/cluster", "/api/v1/nodes/{name}", "/api/v1/events", "/api/v1/logs/{service}",
                 "/api/v1/verdict", "/api/v1/jobs", "/api/v1/rescued", "/api/v1/stream", "/api/v1/failover",
                 "/api/v1/switchover", "/api/v1/resync", "/api/v1/maintenance", "/api/v1/ack", "/primary", "/replica",
                 "/metrics", "/healthz", "/readyz"):
        assert path in spec["paths"], path
    driver = open_page()
    driver.get_log("performance")
    driver.get("http://127.0.0.1:8000/docs")
    operations = wait_until(lambda: driver.find_elements(By.CSS_SELECTOR, ".opblock"), 20, "Swagger UI lists operations")
    assert len(operations) >= sum(len(methods) for methods in spec["paths"].values())
    shoot(driver, "docs")
    assert_clean(driver)


def test_the_root_leads_to_the_page(cluster, open_page):
    driver = open_page()
    driver.get("http://127.0.0.1:8000/")
    wait_until(lambda: driver.current_url.endswith("/static/dashboard.html"), 5, "redirected")
