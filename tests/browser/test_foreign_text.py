"""Names that are markup, in a real browser: shown as text, and nothing is fetched from the host that they name."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from tests.browser.running_app import running_app
from tests.browser.test_journey import is_calm, until
from tests.browser.test_own_zoo import pictures
from tests.zoo_files import task_vectors

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore:Couldn't retrieve source code:UserWarning")]


TITLE = "run $x$ *b* [l](http:x)"


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def foreign_address(browser_path, tmp_path_factory, listener):
    """The app of an operator whose zoos have markup for a name, and a picture for the name of a tensor."""
    root = tmp_path_factory.mktemp("foreign")
    task_vectors(root / "zoos" / TITLE)
    broken = task_vectors(root / "zoos" / "broken")
    torch.save({picture(listener): torch.zeros(2)}, broken / "Cars" / "finetuned.pt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOSS_ZOOS", str(root / "zoos"))
        with running_app(root / "cache", root / "app.log") as address:
            yield address


def picture(listener) -> str:
    return f"![a]({listener[0]}/x.png)"


def test_no_request_leaves_for_a_host_in_a_name(window, foreign_address, listener):
    """A link, a folder's name and the tensors of a file all spell a picture."""
    _, asked = listener
    page = window(f"{foreign_address}/?zoo={picture(listener)}")
    page.get_by_text("This link names a zoo that is not offered here").wait_for()
    assert picture(listener) in page.inner_text("body").replace("\u2060", "")
    assert page.locator("[data-testid=stAlert] a, [data-testid=stAlert] img").count() == 0
    page = window(f"{foreign_address}/?zoo=broken")
    page.get_by_text("broken cannot be opened").first.wait_for()
    assert page.locator("[data-testid=stAlert] a, [data-testid=stAlert] img").count() == 0
    page = window(foreign_address)
    assert is_calm(page)
    until(lambda: pictures(page), "the images of the demo zoo")
    page.get_by_test_id("stSidebar").get_by_role("combobox").first.click()
    page.get_by_role("option", name=TITLE, exact=True).click()
    page.get_by_text("Layout: <Dataset>/finetuned.pt").wait_for()
    assert f"{TITLE} · 3 models" in page.get_by_test_id("stSidebar").inner_text().replace("\u2060", "")
    assert asked == []
