"""The cluster's page in Chromium."""
import base64

import pytest

from lib.run import BUILD


@pytest.fixture
def open_page(browser):
    """open_page(query, width, height, dark) gives a driver on the dashboard."""
    def open_one(query="", *size, **look):
        return browser.open("http://127.0.0.1:8000", f"/static/dashboard.html{query}", *size, **look)
    return open_one


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
