"""The page in Chromium: sorted, filtered, pointed at, read aloud, on paper and in the dark."""

import base64
import json
import re
import shutil
import subprocess
import tarfile
import zlib

import pytest

from .conftest import NASTY, TINY

webdriver = pytest.importorskip("selenium.webdriver")
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

DESKTOP, PHONE = (1280, 900), (390, 844)  # px
IDENTITIES = "#identities .table"
SHOWN = """
const shown = [...document.querySelectorAll('.drawing img')].filter((image) => image.checkVisibility());
return [...new Set(shown.map((image) => image.className))]
"""
TEXTS = "return [...document.querySelectorAll(arguments[0])].map((cell) => cell.textContent.trim())"


@pytest.fixture(scope="module")
def browser():
    """Chromium, with logs of its console and of what it asks the network for."""
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if not (binary and driver):
        pytest.skip("no Chromium here: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    found.set_script_timeout(120)  # axe takes seconds; the machines are shared
    yield found
    found.quit()


@pytest.fixture
def page(browser, reported):
    """A function that opens the page, with a width in px and a medium."""

    def opened(size=DESKTOP, **media):
        media["prefers_reduced_motion"] = "reduce"  # no scrolling that is still going on when a click comes
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in media.items()]
        screen = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        browser.get((reported / "page.html").as_uri())
        return browser

    return opened


@pytest.fixture(scope="module")
def pooled(call, _prepared, tmp_path_factory):
    """The page of a cross-validation."""
    folder = tmp_path_factory.mktemp("pooled") / "workspace"
    shutil.copytree(_prepared, folder)
    there = ["--workspace", folder]
    quick = ["--steps", "2", "--batch-size", "16", "--set", "train.lr_backbone=1e-3", "--resamples", "100"]
    assert call("crossval", *TINY, *quick, "--folds", "0,2", "--run", "cv", *there) == 0
    assert call("report", "cv", "--only", "va_plane", *there) == 0
    return folder / "runs" / "cv" / "report.html"


@pytest.fixture(scope="session")
def axe(request, tmp_path_factory):
    """The source of axe-core, from the package index of npm; kept between runs of the tests."""
    cache = getattr(request.config, "cache", None)
    folder = cache.mkdir("axe-core") if cache else tmp_path_factory.mktemp("axe-core")
    file = folder / "axe.min.js"
    if not file.exists():
        command = ["npm", "pack", "axe-core@4", "--silent"]
        try:
            packed = subprocess.run(
                command, cwd=folder, check=True, capture_output=True, timeout=120, text=True
            )
            with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
                archive.extract("package/axe.min.js", folder, filter="data")
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"no axe-core here: {' '.join(command)}: {error}")
        (folder / "package" / "axe.min.js").rename(file)
    return file.read_text()


def test_it_loads_without_complaints_and_without_the_network(page):
    browser = page()
    browser.get_log("performance")
    browser.refresh()
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [
        event["params"]["request"]["url"] for event in events if event["method"].endswith("requestWillBeSent")
    ]
    assert asked, "the log is empty: this test would see nothing"
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_a_click_on_a_header_sorts_and_another_one_turns_the_order(page):
    browser = page()
    head = browser.find_element(By.CSS_SELECTOR, f"{IDENTITIES} thead th:nth-child(4)")
    for order, turned in (("descending", True), ("ascending", False)):
        head.find_element(By.TAG_NAME, "button").click()
        assert head.get_attribute("aria-sort") == order
        shown = browser.execute_script(TEXTS, f"{IDENTITIES} tbody td:nth-child(4)")
        values = [float(text.replace("\N{MINUS SIGN}", "-")) for text in shown]
        assert len(values) == 6
        assert values == sorted(values, reverse=turned)
    first = browser.find_element(By.CSS_SELECTOR, f"{IDENTITIES} thead th button")
    first.send_keys(Keys.ENTER)  # the keyboard sorts, too
    names = browser.execute_script(TEXTS, f"{IDENTITIES} tbody th")
    assert names == sorted(names, key=str.lower)
    assert head.get_attribute("aria-sort") is None


def test_the_filter_shows_what_has_all_its_words_and_counts_it(page):
    browser = page()
    box = browser.find_element(By.CSS_SELECTOR, IDENTITIES)
    box.find_element(By.TAG_NAME, "input").send_keys("03 actor")
    shown = [row for row in box.find_elements(By.CSS_SELECTOR, "tbody tr") if row.is_displayed()]
    assert [row.find_element(By.TAG_NAME, "th").text for row in shown] == ["Actor 03"]
    assert box.find_element(By.TAG_NAME, "output").text == "1 of 6 identities"


def test_an_identity_that_is_a_script_is_shown_and_does_not_run(page):
    browser = page()
    assert NASTY in browser.execute_script(TEXTS, f"{IDENTITIES} tbody th")
    labels = browser.execute_script(
        "return [...document.querySelectorAll('circle')].map((point) => point.getAttribute('aria-label'))"
    )
    assert any(NASTY in label for label in labels)
    assert browser.execute_script("return document.scripts.length") == 2
    assert "alert" not in str(browser.get_log("browser"))


def test_pointing_at_a_prediction_shows_its_row(page):
    browser = page()
    plane = browser.find_element(By.ID, "plane-0")
    point = plane.find_elements(By.TAG_NAME, "circle")[-1]  # on top of all others
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", point)
    ActionChains(browser).move_to_element(point).perform()
    shown = rows(plane)
    points = json.loads(browser.execute_script("return document.getElementById('points').textContent"))[
        "plane-0"
    ]
    place = points["row"].index(int(shown["row"]))
    assert shown["identity"] == points["identities"][points["identity"][place]]
    assert shown["clip"] == points["clips"][points["clip"][place]]
    assert shown["path"] == points["path"][place]
    assert plane.find_element(By.CSS_SELECTOR, ".row img").get_attribute("src").startswith("data:image/jpeg")


def test_arrow_keys_lead_from_prediction_to_prediction(page):
    browser = page()
    plane = browser.find_element(By.ID, "plane-0")
    browser.find_element(By.CSS_SELECTOR, "#plane-0 circle[tabindex='0']").send_keys(Keys.HOME)
    first = rows(plane)
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    second = rows(plane)
    assert float(first["distance"]) <= float(second["distance"])
    assert first["row"] != second["row"]
    focused = browser.switch_to.active_element
    assert f"row {second['row']}, identity {second['identity']}" in focused.get_attribute("aria-label")
    assert len(plane.find_elements(By.CSS_SELECTOR, "circle[tabindex='0']")) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_to_mend(page, axe, size, scheme):
    browser = page(size, prefers_color_scheme=scheme)
    browser.find_element(By.CSS_SELECTOR, "#plane-0 circle[tabindex='0']").send_keys(Keys.HOME)  # shows a row
    browser.execute_script("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    browser.execute_script(axe)
    found = browser.execute_async_script("axe.run().then(arguments[0])")
    assert len(found["passes"]) > 20
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found["violations"]] == []


def test_a_page_of_a_cross_validation_is_free_of_barriers_and_of_ids_that_are_there_twice(page, pooled, axe):
    browser = page()
    browser.get(pooled.as_uri())
    ids = browser.execute_script("return [...document.querySelectorAll('[id]')].map((part) => part.id)")
    assert len(ids) == len(set(ids))
    browser.execute_script(axe)
    found = browser.execute_async_script("axe.run().then(arguments[0])")
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found["violations"]] == []


def test_figures_on_a_phone_are_large_enough_to_read_and_scroll_by_themselves(page):
    boxes = "return [...document.querySelectorAll('.drawing')].map((box) => [box.tabIndex, box.scrollWidth])"
    assert all(tab == 0 and width >= 640 for tab, width in page(PHONE).execute_script(boxes))
    assert all(tab == -1 for tab, _ in page(DESKTOP).execute_script(boxes))


def test_a_phone_scrolls_tables_and_not_the_page(page):
    browser = page(PHONE)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= PHONE[0]


def test_in_the_dark_paper_and_figures_are_dark(page):
    colours, images = {}, {}
    for scheme in ("light", "dark"):
        browser = page(prefers_color_scheme=scheme)
        colours[scheme] = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        images[scheme] = browser.execute_script(SHOWN)
    assert colours == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 27)"}
    assert images == {"light": ["on-light"], "dark": ["on-dark"]}


def test_on_paper_everything_is_open_and_light(page):
    browser = page(prefers_color_scheme="dark")
    browser.execute_script(
        "addEventListener('beforeprint', () => {"
        "  window.folded = document.querySelectorAll('details:not([open])').length;"
        "});"
    )
    before = browser.execute_script("return document.querySelectorAll('details:not([open])').length")
    printed = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {})["data"])
    assert printed.startswith(b"%PDF")
    after = browser.execute_script("return document.querySelectorAll('details:not([open])').length")
    assert (before > 0, browser.execute_script("return window.folded"), after) == (True, 0, before)
    assert [round(mean) for mean in brightness(printed) if mean < 128] == []  # of the figures
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert browser.execute_script(SHOWN) == ["on-light"]
    assert (
        browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        == "rgb(255, 255, 255)"
    )
    assert not browser.find_element(By.TAG_NAME, "nav").is_displayed()


def brightness(pdf):
    """Mean brightness of the large images in a PDF, 0 to 255."""
    found = []
    for part in re.finditer(rb"<<([^>]*/Subtype\s*/Image.*?)>>\s*stream\r?\n", pdf, re.DOTALL):
        length = int(re.search(rb"/Length (\d+)", part[1])[1])
        width = int(re.search(rb"/Width (\d+)", part[1])[1])
        if width < 500 or b"/FlateDecode" not in part[1]:
            continue
        pixels = zlib.decompress(pdf[part.end() : part.end() + length])
        found.append(sum(pixels) / len(pixels))
    assert found, "no figure was found: this test would see nothing"
    return found


def rows(plane):
    """What is shown of the chosen prediction, by name."""
    names, values = (
        [part.text for part in plane.find_elements(By.CSS_SELECTOR, f".row {tag}")] for tag in ("dt", "dd")
    )
    return dict(zip(names, values, strict=True))
