"""The report as a reader opens it: in a real browser, offline, by mouse and by keyboard."""

import itertools
import json
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from analysis.study import Study
from core.images import png
from core.storage import Folder
from tests.analysis.kit import random_study

pytestmark = pytest.mark.slow

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OFFLINE = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--metrics-recording-only",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
# Ratio of luminances (WCAG 2.2, 1.4.3) of every piece of text to what lies behind it; the smallest one, and its text.
CONTRAST = """
function channels(text) { return text.match(/[\\d.]+/g).map(Number); }
function luminance(rgb) {
  const [r, g, b] = rgb.slice(0, 3).map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function behind(node) {
  for (; node; node = node.parentElement) {
    const colour = channels(getComputedStyle(node).backgroundColor);
    if (colour.length === 3 || colour[3] > 0) { return colour; }
  }
  return [255, 255, 255];
}
let worst = [21, ""];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const text = walker.currentNode.data.trim(), node = walker.currentNode.parentElement;
  if (!text || !node.getClientRects().length || node.closest("script, style")) { continue; }
  const style = getComputedStyle(node), ink = node.closest("svg") ? style.fill : style.color;
  const pair = [luminance(channels(ink)), luminance(behind(node))].sort((a, b) => b - a);
  const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
  if (ratio < worst[0]) { worst = [ratio, text]; }
}
return worst;
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A finished study whose trials left pictures."""
    made = random_study(tmp_path_factory.mktemp("browser"))
    picture = png(np.random.default_rng(0).integers(0, 255, (130, 130, 3), dtype=np.uint8))
    for key, seed in made.trials()[["configuration", "seed"]].itertuples(index=False):
        folder = Folder(made.checkpoint_folder(f"{key}-s{seed}"))
        folder.write("pictures", {"traversal.png": picture, "reconstruction.png": picture})
    made.report()
    return made


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    found, driver = next(filter(None, map(shutil.which, BROWSERS)), None), shutil.which("chromedriver")
    if found is None or driver is None:
        pytest.skip("no Chromium with its driver on this machine")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = found
    for argument in OFFLINE:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield opened
    opened.quit()


@pytest.fixture
def page(browser: Any, study: Study) -> Any:
    show(browser, 1200, "light")
    browser.get((study.path / "report" / "report.html").as_uri())
    return browser


def show(browser: Any, width: int, scheme: str) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def test_nothing_goes_wrong_and_nothing_is_fetched(page: Any, study: Study) -> None:
    assert page.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]
    assert {url for url in asked if not url.startswith("data:")} == {page.current_url}
    assert (study.path / "report" / "report.html").stat().st_size < 10_000_000
    broken = "return [...document.images].filter(image => !image.complete || !image.naturalWidth).length"
    assert page.execute_script(broken) == 0


def test_the_keyboard_reaches_every_point_of_the_front(page: Any, study: Study) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    tip = page.find_element(By.CSS_SELECTOR, ".tip")
    reached: list[str] = []
    while True:
        page.switch_to.active_element.send_keys(Keys.TAB)
        focused = page.switch_to.active_element
        if focused.get_attribute("class") != "point":
            assert not tip.is_displayed()
            continue
        if focused.get_attribute("data-configuration") in reached:  # once round
            break
        reached.append(focused.get_attribute("data-configuration"))
        assert tip.text == focused.get_attribute("aria-label")
        assert tip.find_element(By.TAG_NAME, "img").get_attribute("alt")
        focused.send_keys(Keys.ESCAPE)
        assert not tip.is_displayed()
    assert sorted(reached) == sorted(study.front()["configuration"])


def test_the_mouse_shows_the_same_and_may_enter_it(page: Any, study: Study) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    tip = page.find_element(By.CSS_SELECTOR, ".tip")
    key = study.front()["configuration"][0]
    point = page.find_element(By.CSS_SELECTOR, f'.point[data-configuration="{key}"]')
    mark = point.find_element(By.CSS_SELECTOR, ".mark")
    ActionChains(page).scroll_to_element(mark).move_to_element(mark).perform()
    assert tip.text == point.get_attribute("aria-label")
    ActionChains(page).move_to_element(tip).perform()
    assert tip.is_displayed()
    ActionChains(page).move_to_element(page.find_element(By.TAG_NAME, "h1")).perform()
    assert not tip.is_displayed()


def test_structure_for_a_screen_reader(page: Any) -> None:
    levels = page.execute_script("return [...document.querySelectorAll('h1,h2,h3,h4')].map(each => +each.tagName[1])")
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    for landmark in ("header", "nav[aria-label]", "main"):
        assert page.execute_script(f"return document.querySelectorAll('{landmark}').length") == 1
    unnamed = "[...document.querySelectorAll('section,[role=region]')].filter(e => !(e.ariaLabel || named(e)))"
    named = "const named = e => document.getElementById(e.getAttribute('aria-labelledby'));"
    assert page.execute_script(f"{named} return {unnamed}.length") == 0
    assert page.execute_script("return [...document.images].filter(image => !image.alt).length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out(page: Any, scheme: str) -> None:
    show(page, 1200, scheme)
    page.execute_script("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    ratio, text = page.execute_script(CONTRAST)
    assert ratio >= 4.5, text


def test_nothing_is_wider_than_a_phone(page: Any) -> None:
    show(page, 390, "light")
    page.execute_script("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    assert page.execute_script("return document.documentElement.scrollWidth") <= 390
    sideways = "[...document.querySelectorAll('main *')].filter(e => e.scrollWidth > e.clientWidth + 1 && scrolls(e))"
    scrolls = "const scrolls = e => ['auto', 'scroll'].includes(getComputedStyle(e).overflowX);"
    assert page.execute_script(f"{scrolls} return {sideways}.length") == 0
    size = "return parseFloat(getComputedStyle(document.querySelector('.plot text')).fontSize)"
    assert page.execute_script(size) > 20  # of a drawing that is a third as wide as its coordinates


def test_the_first_screen_has_question_verdict_front_and_traversal(page: Any) -> None:
    size = {"width": 1400, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    for part in (".verdict", ".row .plot svg", ".row img", ".remarks"):
        bottom = page.execute_script(f"return document.querySelector('{part}').getBoundingClientRect().bottom")
        assert 0 < bottom + page.execute_script("return window.scrollY") <= 1000, part


def test_the_page_can_be_printed(page: Any) -> None:
    printed = page.execute_cdp_cmd("Page.printToPDF", {})
    assert len(printed["data"]) > 10_000
