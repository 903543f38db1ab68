"""Which names a page may connect under. Needs the running app, no browser."""

import http.client
from urllib.parse import urlsplit

import pytest

from tests.browser.running_app import running_app

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def own_address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hosts")
    with running_app(folder / "cache", folder / "app.log") as address:
        yield address


def status_of_a_connection(address, host):
    """HTTP status that the server answers to a page opened as `host` which asks for its connection."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
    headers = {
        "Host": host.format(port=place.port),
        "Origin": f"http://{host.format(port=place.port)}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    try:
        connection.request("GET", "/_stcore/stream", headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}", "localhost"])
def test_pages_under_names_of_this_machine_connect(own_address, host):
    assert status_of_a_connection(own_address, host) == 101


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "localhost.evil.example", "10.0.0.7:{port}"])
def test_pages_under_foreign_names_are_refused(own_address, host):
    assert status_of_a_connection(own_address, host) == 403
