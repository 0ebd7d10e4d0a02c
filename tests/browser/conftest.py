"""A real Chromium for the page tests, without a window."""
import base64

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from lib.run import BUILD


@pytest.fixture
def open_page():
    """open_page(lang, width, height, dark) gives a driver on the dashboard; all are closed at the end."""
    drivers = []

    def open_one(query="", width=1400, height=1000, dark=False, script=True):
        options = webdriver.ChromeOptions()
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", f"--window-size={width},{height}",
                     "--disable-dev-shm-usage", "--disable-background-networking", "--no-first-run"):
            options.add_argument(word)
        # Everything that the page asks for is recorded, so that a test can tell that nothing came from elsewhere.
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        if not script:
            options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
        driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        drivers.append(driver)
        # The window has borders even when nobody sees it; a phone's width is below Chromium's least window width.
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                               {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
        driver.get(f"http://127.0.0.1:8000/static/dashboard.html{query}")
        return driver

    yield open_one
    for driver in drivers:
        driver.quit()


@pytest.fixture
def shoot():
    """Keeps a screenshot in build/screenshots."""
    folder = BUILD / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)

    def one(driver, name):
        size = driver.execute_script("return [document.documentElement.scrollWidth,"
                                     " document.documentElement.scrollHeight]")
        shot = driver.execute_cdp_cmd("Page.captureScreenshot", {
            "captureBeyondViewport": True, "clip": {"x": 0, "y": 0, "width": size[0], "height": min(size[1], 6000),
                                                    "scale": 1}})
        (folder / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))
    return one
