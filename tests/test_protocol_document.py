"""docs/protocol.md is held to the code: what it lists is there, and what is there it lists."""

from __future__ import annotations

import re
import typing
from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from camproxy import errors
from camproxy.device_config import CONFIGS
from camproxy.frames import FAULTS
from camproxy.links.accepted import NOT_AUTHORIZED, REFUSED, REPLACED
from camproxy.links.reasons import REASONS
from camproxy.messages import BROWSER_EVENTS, DeviceMessage, Register
from camproxy.pairing_link import pairing_link
from camproxy.reset_reasons import Reset
from camproxy.updates import BROKE_OFF, EXPIRED, SILENT
from camproxy.web.api.device_schemas import AdviceOut, ConfigOut, DeviceOut, DeviceStatus, LogLine, UpdateOut
from camproxy.web.api.events import EventOut
from camproxy.web.api.exports import ExportOut
from camproxy.web.api.firmware import FirmwareOut
from camproxy.web.api.motion import MotionOut
from camproxy.web.api.pairing import Found, PairingOpened, PairingOut
from camproxy.web.api.recording_schemas import (
    Cause,
    Goes,
    IndexOut,
    RecordingConfigOut,
    RecordingOut,
    RecordingQuery,
    RecordingState,
    State,
    TimelineOut,
)
from camproxy.web.api.schemas import CameraOut, CameraSettings, CameraStatus, MeOut, PresetOut, TokenOut, UserOut
from camproxy.web.events import EVENTS
from camproxy.web.guards import ADMIN, ANYONE, DEVICE, ITSELF, LOGIN, MANAGE, NEW_DEVICE, SEE, STEER, allowed_of

TEXT = (Path(__file__).parent.parent / "docs" / "protocol.md").read_text()


def section(title: str) -> str:
    found = re.search(rf"^#+ {re.escape(title)}$(.*?)(?=^#)", TEXT + "\n#", re.M | re.S)
    assert found, f"no section {title!r}"
    return found[1]


def first_cells(text: str) -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", text, re.M)


def rows(text: str) -> list[tuple[str, str, str]]:
    return re.findall(r"^\| ([A-Z, ]+) \| `([^`]+)` \| ([^|]+?) \|", text, re.M)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return create_app({"DATA_DIR": str(tmp_path_factory.mktemp("data"))})


def test_every_event_is_listed_and_every_listed_event_is_there() -> None:
    assert first_cells(section("Browser → server")) == list(EVENTS)
    assert set(EVENTS) == set(BROWSER_EVENTS)


@pytest.mark.parametrize("event", sorted(BROWSER_EVENTS))
def test_every_field_of_an_event_is_listed(event: str) -> None:
    row = re.search(rf"^\| `{event}` \|.*", section("Browser → server"), re.M)
    assert row
    for field in BROWSER_EVENTS[event].model_fields:
        assert re.search(rf"\b{field}\b", row[0]), f"{event}: {field} is not described"


def test_every_event_that_is_sent_is_listed() -> None:
    project = Path(__file__).parent.parent
    source = "".join(file.read_text() for file in project.glob("camproxy/web/**/*.py"))
    sent = set(re.findall(r'\.emit\(\s*"(\w+)"', source))
    assert sent == set(first_cells(section("Server → browser")))


def test_every_error_code_is_listed_with_its_status() -> None:
    listed = dict(re.findall(r"^\| `(\w+)` \|[^|]+\| (\d+) \|", section("Error codes"), re.M))
    known = {
        error.code: str(error.status)
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, errors.CamProxyError)
    }
    assert listed == known


def test_states_reasons_and_frame_counts_are_listed() -> None:
    text = section("camera_status")
    states = typing.get_args(CameraStatus.model_fields["state"].annotation)
    assert set(first_cells(text)) == set(states)
    for word in {reason for _, reason in REASONS} | set(FAULTS) | set(CameraStatus.model_fields):
        assert word in text, word


def test_every_device_message_is_listed_with_its_fields() -> None:
    text = section("Devices that dial in")
    union = typing.get_args(DeviceMessage)[0]
    for model in typing.get_args(union):
        for kind in typing.get_args(model.model_fields["type"].annotation):
            row = re.search(rf"^\| `{kind}` \|.*", text, re.M)
            assert row, f"{kind} is not described"
            if kind == "light":
                continue  # "the same for the light"
            for field in set(model.model_fields) - {"type", "id"}:
                assert field in row[0], f"{kind}: {field} is not described"


def test_what_a_device_can_be_told_to_be_like_is_listed() -> None:
    listed = re.findall(r"^\| (\w+) \| (.*?) \|", section("Configuration"), re.M)
    described = {(kind, field) for kind, fields in listed for field in re.findall(r"`(\w+)`", fields)}
    assert described == {(kind, field) for kind, model in CONFIGS.items() for field in model.model_fields}


def test_the_states_of_updates_are_listed() -> None:
    text = section("Firmware")
    assert first_cells(text) == list(typing.get_args(UpdateOut.model_fields["state"].annotation))
    for word in (SILENT, BROKE_OFF, EXPIRED):
        assert f"`{word}`" in text


def test_device_status_and_close_codes_are_listed() -> None:
    text = section("device_status")
    assert set(first_cells(text)) == set(typing.get_args(DeviceStatus.model_fields["state"].annotation))
    for field in DeviceStatus.model_fields:
        assert f'"{field}"' in text, field
    for word in Reset:
        assert f"`{word}`" in text, word
    codes = set(re.findall(r"^\| (4\d+) \|", section("Devices that dial in"), re.M))
    assert codes == {str(code) for code in (NOT_AUTHORIZED, REFUSED, REPLACED)}


def test_enrolment_is_described() -> None:
    text = section("Enrolment")
    assert first_cells(text) == list(Register.model_fields)
    link = pairing_link("https://cameras.example.org", "pico", "a token", "AB:CD")
    for word in re.findall(r"[?&](\w+)=", link):
        assert re.search(rf"[?&]{word}=", text), f"the link's {word} is not described"
    (row,) = re.findall(r"^\| POST \| `/api/pairing` .*", TEXT, re.M)
    for field in PairingOpened.model_fields.keys() - PairingOut.model_fields.keys():
        assert f"`{field}`" in row


def described_routes() -> dict[tuple[str, str], str]:
    found = {}
    for title in ("HTTP", "JSON, `/api`"):
        for methods, path, who in rows(section(title)):
            for method in methods.split(", "):
                found[method, path.split("?")[0]] = who
    return found


def test_every_route_is_listed_with_who_may_use_it(app: Flask) -> None:
    listed = described_routes()
    assert listed.pop(("GET", "/api/…")) == "see `/api/openapi.json`"
    there = {}
    for rule in app.url_map.iter_rules():
        if rule.endpoint in ("static", "openapi_document.openapi"):
            continue
        path = re.sub(
            r"<(?:\w+:)?(\w+)>", lambda found: "<id>" if found[1].endswith("_id") else f"<{found[1]}>", rule.rule
        )
        for method in (rule.methods or {"GET"}) - {"HEAD", "OPTIONS"}:
            there[method, path] = allowed_of(app, rule.endpoint)
    assert listed == there
    assert set(there.values()) <= {ANYONE, LOGIN, ADMIN, SEE, STEER, NEW_DEVICE, MANAGE, ITSELF, DEVICE}


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("Camera", CameraOut),
        ("CameraSettings", CameraSettings),
        ("Preset", PresetOut),
        ("User", UserOut),
        ("Token", TokenOut),
        ("Pairing", PairingOut),
        ("Device", DeviceOut),
        ("Advice", AdviceOut),
        ("LogLine", LogLine),
        ("Found", Found),
        ("Configuration", ConfigOut),
        ("Event", EventOut),
        ("Motion", MotionOut),
        ("Update", UpdateOut),
        ("Firmware", FirmwareOut),
        ("Export", ExportOut),
        ("Recording", RecordingOut),
        ("Index", IndexOut),
        ("Timeline", TimelineOut),
    ],
)
def test_the_fields_of_the_answers_are_listed(name: str, model: typing.Any) -> None:
    described = re.search(rf"^{name} +\{{(.*?)^\w|^{name} +\{{(.*?)^```", TEXT, re.M | re.S)
    assert described
    for field in model.model_fields:
        if (name, field) != ("Token", "token"):
            field = model.model_fields[field].alias or field
            assert re.search(rf"\b{field}\b", described[0]), f"{name}: {field} is not described"


def test_recordings_are_described() -> None:
    text = section("Recordings")
    assert first_cells(text) == list(typing.get_args(State))
    (told,) = re.findall(r"^\| `recording_state` .*", TEXT, re.M)
    for field in RecordingState.model_fields:
        assert re.search(rf"\b{field}\b", told), field
    (asked,) = re.findall(r"^\| GET \| `/recordings\?(.*?)`", TEXT, re.M)
    fields = RecordingQuery.model_fields.items()
    assert re.findall(r"(\w+)=", asked) == [field.alias or name for name, field in fields]
    settings = re.search(r"^RecordingSettings +\{(.*?)\}", TEXT, re.M | re.S)
    assert settings
    for field in RecordingConfigOut.model_fields.keys() - {"state"}:
        assert re.search(rf"\b{field}\b", settings[1]), field
    (dry_run,) = re.findall(r"^\| GET \| `/api/recordings/retention` .*", TEXT, re.M)
    for field in Goes.model_fields:
        assert re.search(rf"\b{field}\b", dry_run), field
    for reason in typing.get_args(Goes.model_fields["reason"].annotation):
        assert f"`{reason}`" in text, reason


def test_the_causes_of_gaps_are_listed() -> None:
    document = (Path(__file__).parent.parent / "docs" / "recording.md").read_text()
    listed = re.search(r"^## What is missing, and why$(.*?)^## ", document, re.M | re.S)
    assert listed
    rows = "".join(re.findall(r"^\| (`.*?) \|", listed[1], re.M))
    assert set(re.findall(r"`(\w+)`", rows)) == set(typing.get_args(Cause))


def test_the_fields_of_me_are_listed() -> None:
    text = section("JSON, `/api`")
    for field in MeOut.model_fields:
        assert re.search(rf"\b{field}\b", text), field


def test_the_openapi_document_describes_the_same_routes(app: Flask) -> None:
    from camproxy.web.api.spec import api

    with app.app_context():
        document = api.spec
    described = {
        (
            method.upper(),
            re.sub(r"\{(\w+)\}", lambda found: "<id>" if found[1].endswith("_id") else f"<{found[1]}>", path),
        )
        for path, methods in document["paths"].items()
        for method in methods
    }
    listed = described_routes()
    answer_json = {key for key in listed if key[1].startswith(("/api/", "/device/")) and "…" not in key[1]}
    assert described == answer_json | {("GET", "/recordings")}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert "401" in operation["responses"], f"{method} {path}"
