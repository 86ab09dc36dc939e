"""The server's page: its certificate, what is recorded and copied, what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from camproxy.certificates import make_self_signed
from tests.browser.conftest import NewPage
from tests.browser.filmed import record, stop_recording
from tests.patience import PATIENCE
from tests.running import RunningServer

Login = Callable[..., Page]


def certificate(page: Page) -> str:
    return page.locator("#process div").filter(has_text="Certificate").locator("dd").inner_text()


@pytest.mark.parametrize(
    ("valid", "said"),
    [
        (timedelta(days=90, hours=1), r"valid until \w+ \d+, \d{4}"),
        (timedelta(days=10, hours=1), r"ends on \w+ \d+, \d{4} \(days left: 10\)\. Renew it\."),
        (timedelta(hours=-1), r"ended on \w+ \d+, \d{4}: browsers and devices refuse it"),
    ],
    ids=["long", "soon", "ended"],
)
def test_until_when_it_is_valid(
    make_server: Callable[..., RunningServer],
    new_page: NewPage,
    login: Login,
    tmp_path: Path,
    valid: timedelta,
    said: str,
) -> None:
    made = tmp_path / "data" / "certificates"
    make_self_signed(made / "server.pem", made / "server.key", valid=valid)
    server = make_server(data_dir=tmp_path / "data", TLS=True)
    page = login(new_page(ignore_https_errors=True, locale="en-US"), server, path="/stats")
    assert re.fullmatch(said, certificate(page))


def test_without_tls_there_is_none(page: Page, login: Login, server: RunningServer) -> None:
    login(page, server, path="/stats")
    expect(page.locator("#process div")).not_to_have_count(0)
    expect(page.locator("#process div").filter(has_text="Certificate")).to_have_count(0)


def test_what_is_recorded_copied_and_wrong(
    make_server: Callable[..., RunningServer], page: Page, login: Login, tmp_path: Path
) -> None:
    place = tmp_path / "copies"
    place.mkdir()
    marker = place / ".camproxy-copy"
    marker.touch()
    server = make_server(RECORDING_COPY=place)
    login(page, server, path="/stats")
    figure = page.locator("#recording div")
    wrong = page.get_by_role("region", name="What is wrong")
    expect(figure.filter(has_text="Cameras being recorded")).to_contain_text("0")
    # Measuring takes a quarter of a minute of frames in real time.
    expect(figure.filter(has_text="Cameras that can be recorded")).to_contain_text(
        "as MJPEG; in use: 0%", timeout=2000 * PATIENCE
    )
    expect(figure.filter(has_text="Copies")).to_contain_text(f"all are at {place}")
    expect(wrong).to_be_hidden()

    with server.person() as admin:
        marker.unlink()
        admin.made("/api/cameras", {"name": "Porch", "url": "ws://127.0.0.1:1/ws"})
        record(admin, 1)
        expect(figure.filter(has_text="Cameras being recorded")).to_contain_text("1")
        stop_recording(admin)
    expect(wrong).to_contain_text("Porch: offline")
    expect(figure.filter(has_text="Copies")).to_contain_text(re.compile("behind by .*the marker file .* is missing"))
    marker.touch()
    expect(figure.filter(has_text="Copies")).to_contain_text(f"all are at {place}")
