"""Names that are markup, in a real browser: shown as text, and nothing is fetched from the host that they name."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from tests.browser.running_app import running_app
from tests.browser.test_journey import is_calm
from tests.zoo_files import task_vectors

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore:Couldn't retrieve source code:UserWarning")]


@pytest.fixture
def listener():
    """A host that counts who asks it for something."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()


def test_no_request_leaves_for_a_host_in_a_name(window, browser_path, tmp_path, monkeypatch, listener):
    """A link, a folder's name and the tensors of a file all spell a picture."""
    host, asked = listener
    picture = f"![a]({host}/x.png)"
    title = "run $x$ *b* [l](http:x)"
    task_vectors(tmp_path / "zoos" / title)
    broken = task_vectors(tmp_path / "zoos" / "broken")
    torch.save({picture: torch.zeros(2)}, broken / "Cars" / "finetuned.pt")
    monkeypatch.setenv("MLOSS_ZOOS", str(tmp_path / "zoos"))
    with running_app(tmp_path / "cache", tmp_path / "app.log") as address:
        page = window(f"{address}/?zoo={picture}")
        page.get_by_text("This link names a zoo that is not offered here").wait_for()
        assert picture in page.inner_text("body").replace("\u2060", "")
        assert page.locator("[data-testid=stAlert] a, [data-testid=stAlert] img").count() == 0
        page = window(f"{address}/?zoo=broken")
        page.get_by_text("broken cannot be opened").first.wait_for()
        assert page.locator("[data-testid=stAlert] a, [data-testid=stAlert] img").count() == 0
        page = window(address)
        assert is_calm(page)
        page.get_by_test_id("stSidebar").get_by_role("combobox").first.click()
        page.get_by_role("option", name=title, exact=True).click()
        page.get_by_text("Layout: <Dataset>/finetuned.pt").wait_for()
        assert f"{title} · 3 models" in page.get_by_test_id("stSidebar").inner_text().replace("\u2060", "")
    assert asked == []
