from __future__ import annotations

import pytest

from camproxy.macs import normal_mac


@pytest.mark.parametrize(
    "written", ["24:0A:C4:12:34:56", "24:0a:c4:12:34:56", "24-0A-C4-12-34-56", "240AC4123456", "240a.c412.3456"]
)
def test_every_usual_writing(written: str) -> None:
    assert normal_mac(written) == "24:0A:C4:12:34:56"


@pytest.mark.parametrize(
    "written",
    [
        "",
        "24:0A:C4:12:34",
        "24:0A:C4:12:34:56:78",
        "24:0A:C4:12:34:5G",
        "24:0A-C4:12:34:56",
        "24:0A:C4:12:34:56\n",
        "240A:C412:3456",
        "٢٤:0A:C4:12:34:56",
        "00:00:00:00:00:00",
        "FF:FF:FF:FF:FF:FF",
        "01:00:5E:00:00:01",
        "33:33:00:00:00:01",
    ],
)
def test_what_is_of_no_single_device(written: str) -> None:
    with pytest.raises(ValueError, match="MAC address"):
        normal_mac(written)
