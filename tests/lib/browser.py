"""A real Chromium without a window. It takes long to start, so all tests share one, each with a tab of its own."""
from selenium import webdriver
from selenium.webdriver.chrome.service import Service


class Browser:
    def __init__(self):
        options = webdriver.ChromeOptions()
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--disable-background-networking", "--no-first-run"):
            options.add_argument(word)
        # Everything that a page asks for is recorded, so that a test can tell that nothing came from elsewhere.
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.home = self.driver.current_window_handle

    def open(self, origin, path, width=1400, height=1000, dark=False):
        """The driver on a new tab, which remembers nothing of an earlier visit."""
        driver = self.driver
        driver.switch_to.new_window("tab")
        driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
        # The window has borders even when nobody sees it; a phone's width is below Chromium's least window width.
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                               {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
        for kind in ("browser", "performance"):
            driver.get_log(kind)  # what other tabs left there
        driver.get(origin + path)
        return driver

    def close_tabs(self):
        for handle in self.driver.window_handles:
            if handle != self.home:
                self.driver.switch_to.window(handle)
                self.driver.close()
        self.driver.switch_to.window(self.home)

    def quit(self):
        self.driver.quit()
