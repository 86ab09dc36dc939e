"""The QR code that the API gives is one that a page may show and a phone can read."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Page

from tests.conftest import MakeServer
from tests.running import RunningServer

SHOW = """async (source) => {
  const image = document.createElement("img");
  image.id = "code";
  image.src = source;
  document.querySelector("main").prepend(image);
  await image.decode();
}"""


@pytest.fixture
def server(make_server: MakeServer) -> RunningServer:
    return make_server(TLS="true")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_shown_and_read(
    new_page: Callable[..., Page], login: Callable[..., Page], server: RunningServer, scheme: str
) -> None:
    with server.person() as admin:
        opened = admin.made("/api/pairing", {"kind": "esp32cam"})
    assert "&tls=1&fingerprint=" in opened["link"]
    page = login(new_page(color_scheme=scheme, ignore_https_errors=True), server, path="/settings")
    page.evaluate(SHOW, opened["qr"])
    picture = Image.open(io.BytesIO(page.locator("#code").screenshot()))
    (found,) = zxingcpp.read_barcodes(picture)
    assert found.text == opened["link"]
