"""The page in a browser beside a real dashboard, with a Redis in which anything may be written: what a cluster that works
never shows."""
import json
import time

import pytest

from lib.dashboard_lab import A, B, KEY, TOKEN
from lib.run import wait_until


@pytest.fixture
def page(dashboard, browser):
    """page(lang) gives a driver on the dashboard, with the token, once the page is live."""
    def open_one(lang):
        driver = browser.open(f"http://127.0.0.1:{dashboard.port}", f"/static/dashboard.html?lang={lang}")
        driver.execute_script("sessionStorage.setItem('relevo-token', arguments[0])", TOKEN)
        wait_until(lambda: driver.find_element("id", "link").get_attribute("data-state") == "live", 15, "the page is live")
        return driver

    return open_one


@pytest.mark.parametrize("lang,failed,finished", [("es", "Fallida", "Terminada"), ("en", "Failed", "Finished")])
def test_a_failed_command_is_not_shown_as_done(redis, page, lang, failed, finished):
    channel = redis.client.pubsub()
    channel.subscribe(f"{KEY}:commands")
    wait_until(channel.get_message, 2, "the subscription")
    driver = page(lang)
    for detail, severity, tone, word in (({"result": "failed"}, "warning", "bad", failed), ({}, "warning", "bad", failed),
                                         ({}, "error", "bad", failed), ({"result": "ok"}, "info", "good", finished)):
        driver.find_element("css selector", '#actions button[data-action="switchover"]').click()
        wait_until(lambda: driver.find_element("id", "ask-go").is_displayed(), 5, "the dialog")
        driver.find_element("id", "ask-go").click()
        command = wait_until(channel.get_message, 5, "the command")
        redis.event("COMMAND_FINISHED", "because", severity=severity, id=json.loads(command["data"])["id"], **detail)
        result = driver.find_element("id", "ask-result")
        wait_until(lambda: result.text.startswith(word), 5, f"{word}, not {result.text}")
        assert result.get_attribute("data-tone") == tone, (detail, severity)
        driver.find_element("id", "ask-cancel").click()


def test_a_download_may_take_longer_than_an_answer(dashboard, page):
    content = b"\xfebin" + b"x" * (3 << 20)
    (dashboard.rescued / "long.binlog").write_bytes(content)
    driver = page("en")
    driver.execute_script("""
        URL.createObjectURL = (blob) => { window.got = blob.size; return "#"; };
        arguments[0].scrollIntoView();
    """, wait_until(lambda: driver.find_element("css selector", '[data-file="long.binlog"] button'), 5, "the file"))
    driver.find_element("css selector", '[data-file="long.binlog"] button').click()
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": False, "latency": 0, "uploadThroughput": -1,
                                                                "downloadThroughput": 256 << 10})
    began = time.monotonic()
    driver.find_element("id", "ask-go").click()
    wait_until(lambda: driver.execute_script("return window.got") == len(content), 30, "the whole file")
    assert time.monotonic() - began > 9


def test_the_banner_speaks_once_and_counts_in_silence(redis, page):
    driver = page("en")
    redis.stop()
    banner = driver.find_element("id", "banner")
    wait_until(lambda: banner.is_displayed() and "Redis" in banner.text, 10, "the banner")
    driver.execute_script("""
        window.said = 0;
        const spoken = document.querySelector("[role=alert]");
        new MutationObserver(() => { window.said++; }).observe(spoken, {childList: true, characterData: true, subtree: true});
    """)
    before = driver.find_element("id", "banner-age").text
    wait_until(lambda: driver.find_element("id", "banner-age").text not in ("", before), 5, "the age counts on")
    assert driver.execute_script("return window.said") == 0, "a screen reader would speak each second"
    assert driver.execute_script("return document.querySelector('[role=alert] #banner-age')") is None
    assert driver.find_element("id", "banner-age").get_attribute("aria-hidden") == "true"


def test_no_word_of_the_protocol_is_left_on_the_spanish_page(redis, page):
    driver = page("es")
    fact = wait_until(lambda: [one.text for one in driver.find_elements("css selector", "#verdict .facts li")
                               if one.text.startswith(f"{B} → {A}")], 5, "what the replica's receiver says")[0]
    assert "receptor en marcha" in fact, fact
