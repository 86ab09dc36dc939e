"""A certificate that ends soon, or has: said once a day, with the day."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from camproxy.certificates import make_self_signed
from camproxy.expiry import Expiry
from camproxy.settings import Settings
from tests.clocks import FakeClock
from tests.integration.people import wait_until

DAY = 86_400.0


class Looked:
    """An Expiry on a certificate of 30 days, with a clock of its own."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.chain, self.key = directory / "chain.pem", directory / "key.pem"
        self.renew(30)
        self.clock = FakeClock(datetime.now(UTC).timestamp())
        given = {"data_dir": directory, "tls": True, "tls_certificate": self.chain, "tls_key": self.key} | settings
        self.expiry = Expiry(Settings(**given), self.clock)

    def renew(self, days: int) -> None:
        make_self_signed(self.chain, self.key, valid=timedelta(days=days))

    def after(self, days: float) -> str | None:
        self.clock.advance(days * DAY)
        return self.expiry.warning()


@pytest.fixture
def looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Looked]:
    monkeypatch.setattr(Expiry, "EVERY", 0.02)
    made = Looked(tmp_path)
    made.expiry.start()
    yield made
    made.expiry.stop()
    assert not made.expiry._thread.is_alive()


def test_it_warns_from_three_weeks_on(looked: Looked) -> None:
    day = f"{x509.load_pem_x509_certificate(looked.chain.read_bytes()).not_valid_after_utc:%Y-%m-%d}"
    assert looked.after(0) is None
    assert looked.after(8.9) is None
    assert looked.after(0.2) == f"the certificate ends on {day}, in 20 days"
    assert looked.after(19) == f"the certificate ends on {day}, in a day"
    assert looked.after(1) == f"the certificate ends on {day}, within a day"
    state = looked.expiry.state()["certificate"]
    assert (state["days_left"], state["soon"], state["ends_at"][:10]) == (0, True, day)
    assert looked.after(1) == f"the certificate has ended on {day}"
    assert looked.expiry.state()["certificate"]["days_left"] == -1


def test_a_renewed_one_is_seen(looked: Looked) -> None:
    pin = looked.expiry.state()["certificate"]["spki_pin"]
    assert looked.after(25)
    looked.renew(90)
    assert looked.expiry.warning() is None
    assert looked.expiry.state()["certificate"]["spki_pin"] != pin, "with another key"


def test_the_log_is_told_each_time_that_it_looks(looked: Looked, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "camproxy.expiry"):
        looked.after(25)
        wait_until(lambda: len(caplog.records) >= 3, "three days have gone by")
    assert caplog.records[0].getMessage().startswith("the certificate ends on ")
    assert caplog.records[0].getMessage().endswith(f"Renew {looked.chain}")


def test_without_tls_there_is_nothing_to_say(tmp_path: Path) -> None:
    looked = Looked(tmp_path, tls=False)
    looked.expiry.start()
    assert looked.expiry.state() == {"certificate": None}
    assert looked.after(100) is None
    looked.expiry.stop()
