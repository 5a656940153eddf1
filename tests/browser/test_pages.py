"""What a reader of a release sees: its pages in a real browser, from a folder and from a server, wide and narrow."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.browser.conftest import HELD, REASON, TAKES_PICTURES
from warehouse.settings import PROJECT_ROOT

pytestmark = pytest.mark.browser

PHONE = 390
_LOOK = """() => ({
    width: document.documentElement.scrollWidth,
    ids: [...document.querySelectorAll('[id]')].map(each => each.id),
    twice: [...document.querySelectorAll('[id]')].map(e => e.id).filter((id, i, all) => all.indexOf(id) !== i),
    links: [...document.querySelectorAll('a[href], link[href], script[src]')].map(each => each.href || each.src || each.href.baseVal)
        .map(link => typeof link === 'string' ? link : new URL(link.baseVal, document.baseURI).href),
    headings: [...document.querySelectorAll('h1, h2, h3, h4')].map(each => Number(each.tagName[1])),
    language: document.documentElement.lang,
    unnamed: [...document.querySelectorAll('svg, input, [role=region]')].filter(each =>
        !each.getAttribute('aria-label') && !(each.labels && each.labels.length)).length,
})"""
_CONTRAST = """() => {
    const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(c => c / 255).map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
    const behind = element => {
        for (let at = element; at; at = at.parentElement) {
            const colour = numbers(getComputedStyle(at).backgroundColor);
            if (colour.length === 3 || colour[3] === 1) return colour;
        }
        return [255, 255, 255];
    };
    const found = [];
    for (const element of document.querySelectorAll('main *, header *, footer *')) {
        if (element.closest('svg') || ![...element.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
        if (!element.checkVisibility()) continue;
        const [a, b] = [numbers(getComputedStyle(element).color), behind(element)].map(light).sort((x, y) => y - x);
        if ((a + .05) / (b + .05) < 4.5) found.push(element.className + ' ' + element.textContent.slice(0, 40));
    }
    return found;
}"""


def pages(published):
    found = [*sorted(published.glob("catalogue/**/*.html")), published / "quality" / "index.html"]
    assert len(found) > 250
    return found


def test_every_page_fits_a_phone_asks_nobody_and_links_to_what_is_there(published, tab, complaints):
    page, seen = tab(width=PHONE), {}
    for path in pages(published):
        page.goto(path.as_uri())
        seen[path] = page.evaluate(_LOOK)
    assert complaints == []
    assert {p.name: s["width"] for p, s in seen.items() if s["width"] > PHONE} == {}
    assert [p.name for p, s in seen.items() if s["twice"] or s["unnamed"] or s["language"] != "en"] == []
    for path, found in seen.items():
        assert found["headings"][0] == 1, path
        assert found["headings"].count(1) == 1, path
        assert all(b <= a + 1 for a, b in zip(found["headings"], found["headings"][1:], strict=False)), path
    inside = 0
    for path, found in seen.items():
        for link in map(urlsplit, found["links"]):
            if link.scheme == "file":
                inside += 1
                target = Path(unquote(link.path))
                assert target.is_relative_to(published), f"{path.name} links out of the release: {target}"
                assert target.is_file(), f"{path.name} links to {target}"
                if link.fragment and target in seen:
                    assert link.fragment in seen[target]["ids"], f"{path.name} links to {target.name}#{link.fragment}"
            else:
                assert link.scheme in {"https", "data"}, f"{path.name} links to {link.geturl()}"
    assert inside > 5000


@pytest.mark.parametrize("where", ["folder", "server"])
def test_search_finds_a_column_and_a_metric_and_leads_there(published, served, tab, complaints, where):
    start = (published / "catalogue/index.html").as_uri() if where == "folder" else f"{served}/catalogue/index.html"
    page = tab()
    page.goto(start)
    page.keyboard.press("/")  # reaches the field from anywhere
    page.keyboard.type("bid_to_cover_ratio")
    first = page.locator("#results li").first
    assert "marts." in first.inner_text()
    assert "column" in first.inner_text()
    page.keyboard.press("Enter")  # goes to the first that was found
    page.keyboard.press("Enter")
    page.wait_for_url("**/tables/marts.*#bid_to_cover_ratio")
    assert page.locator("#bid_to_cover_ratio").is_visible()
    page.goto(start)
    page.fill("#search", "capex_ttm")
    assert page.locator("#results li").first.inner_text().startswith("capex_ttm metric")
    assert not page.locator("#all").is_visible()
    page.locator("#results a").first.click()
    assert page.locator("h1").inner_text() == "Capital expenditure, twelve months"
    assert page.locator("svg.plot").is_visible()
    assert complaints == []


def test_search_says_that_it_found_nothing_and_forgets_it(published, tab):
    page = tab()
    page.goto((published / "catalogue/index.html").as_uri())
    page.fill("#search", "perpetual motion")
    assert page.locator("#found").inner_text() == "Nothing was found."
    assert page.locator("#results li").count() == 0
    page.fill("#search", "")
    assert page.locator("#all").is_visible()


def test_the_quality_report_shows_what_is_held_back_and_which_metrics_want_it(published, tab, complaints):
    page = tab()
    page.goto((published / "quality/index.html").as_uri())
    assert "with 1 partition of 1 table held back" in page.locator(".verdict").inner_text()
    held = page.locator(".held")
    assert held.count() == 1
    assert HELD in held.inner_text()
    assert REASON in held.inner_text()
    assert page.evaluate("window.hacked") is None  # a reason is text, whatever stands in it
    assert "bid_to_cover" in held.inner_text()
    assert "ofr_fsi" not in held.text_content()
    assert held.locator("details li").count() > 10
    assert page.locator(f"svg.squares g.held-back title:text-is('{HELD}: held back')").count() == 1
    held.locator(f"a:has-text('{HELD}')").click()
    assert REASON in page.locator(".note.bad").inner_text()
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "name",
    [
        "catalogue/index.html",
        "catalogue/tables/marts.fct_auctions.html",
        "catalogue/metrics/capex_ttm.html",
        "catalogue/sources/fiscaldata.auctions.html",
        "quality/index.html",
    ],
)
def test_text_can_be_read_in_light_and_in_dark(published, tab, scheme, name):
    page = tab(scheme=scheme)
    page.goto((published / name).as_uri())
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"
    assert dark == (scheme == "dark")
    assert page.evaluate(_CONTRAST) == []


def test_the_first_key_reaches_the_content(published, tab):
    page = tab()
    page.goto((published / "quality/index.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")


@pytest.mark.skipif(not TAKES_PICTURES, reason="DRYPOWDER_SCREENSHOTS asks for pictures")
@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("catalogue", "catalogue/index.html#q=bid%20cover"),
        ("table", "catalogue/tables/marts.fct_auctions.html"),
        ("metric", "catalogue/metrics/capex_ttm.html"),
        ("quality", "quality/index.html"),
    ],
)
def test_pictures_of_the_pages_for_the_documents(published, tab, name, address):
    for kind, width, height, scheme in (("desktop", 1200, 900, "light"), ("phone", PHONE, 844, "dark")):
        page = tab(width, 1300 if (name, kind) == ("quality", "desktop") else height, scheme)
        page.goto(f"{published.as_uri()}/{address}")
        target = PROJECT_ROOT / "docs" / "images" / f"{name}-{kind}.png"
        page.screenshot(path=target)
        assert target.stat().st_size < 200_000
