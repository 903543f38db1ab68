"""A running app and a browser for all browser tests. Without a browser they are skipped, and that is said loudly."""

from collections.abc import Callable, Iterator

import pytest

from tests.browser.finding import ARGUMENTS, find_browser
from tests.browser.running_app import running_app

SKIPPED = "no chromium on the PATH and none of Playwright's own: the browser tests did not run"
PATIENCE = 300_000
"""Milliseconds that one step may take on a slow, busy machine."""
_PROBES = ("/_stcore/health", "/_stcore/host-config")
"""Streamlit's browser side finds its server by asking along the path of a link, and is refused at first."""
_skipped: list[str] = []


@pytest.fixture(scope="session")
def browser_path() -> str:
    """The browser that the tests drive."""
    path = find_browser()
    if path is None:
        _skipped.append(SKIPPED)
        pytest.skip(SKIPPED)
    return path


@pytest.fixture(scope="session")
def address(browser_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the real app, started with an empty cache."""
    folder = tmp_path_factory.mktemp("browser")
    with running_app(folder / "cache", folder / "app.log") as address:
        yield address


@pytest.fixture(scope="session")
def browser(browser_path: str) -> Iterator["Browser"]:  # noqa: F821
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def window(browser, address) -> Iterator[Callable[[str], "Page"]]:  # noqa: F821
    """Opens windows of new visitors at a path of the app; at the end no window may have seen a script error."""
    contexts, errors = [], []

    def open_window(path: str = "/"):
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(_words(message)) if _matters(message) else None)
        page.goto(path if path.startswith("http") else address + path)
        return page

    yield open_window
    for context in contexts:
        context.close()
    assert errors == []


def _words(message) -> str:
    return f"{message.text} {message.location['url']}"


def _matters(message) -> bool:
    return message.type == "error" and not message.location["url"].endswith(_PROBES)


def pytest_terminal_summary(terminalreporter) -> None:
    """Say a skipped browser test at the end, where it is read."""
    for reason in _skipped:
        terminalreporter.write_sep("!", f"BROWSER TESTS SKIPPED: {reason}", red=True, bold=True)
