"""The catalogues are complete and sound, and everything that is said is said in the reader's language."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from babel.messages.catalog import Catalog, Message

from camproxy.web.i18n import CATALOGUES, catalogue, languages
from scripts.texts import ERRORS, ROOT, extracted
from tests.conftest import MakeServer
from tests.running import Person, RunningServer

LANGUAGES = sorted(path.stem for path in CATALOGUES.glob("*.po"))
TELLING = {*ERRORS, "gettext", "lazy_gettext", "N_"}
PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def texts_of(catalogue: Catalog) -> dict[tuple[str | None, Any], Message]:
    return {(message.context, message.id): message for message in catalogue if message.id}


def translated(code: str) -> list[Message]:
    return [message for message in texts_of(catalogue(code)).values() if message.string]


@pytest.fixture(scope="module")
def sources() -> set[tuple[str | None, Any]]:
    return set(texts_of(extracted()))


def test_the_languages_that_were_promised() -> None:
    assert {("de", "Deutsch"), ("en", "English"), ("fa", "فارسی")} <= set(languages())


@pytest.mark.parametrize("code", LANGUAGES)
class TestCatalogue:
    def test_has_every_text_and_no_other(self, code: str, sources: set[tuple[str | None, Any]]) -> None:
        """If this fails: `make texts`, and translate."""
        kept = set(texts_of(catalogue(code)))
        assert sources - kept == set()
        assert kept - sources == set()

    def test_every_text_is_translated(self, code: str) -> None:
        assert [message.id for message in texts_of(catalogue(code)).values() if not message.string] == []
        assert [message.id for message in texts_of(catalogue(code)).values() if message.fuzzy] == []

    def test_the_placeholders_are_the_same(self, code: str) -> None:
        for message in translated(code):
            names = sorted(PLACEHOLDER.findall(message.id))
            assert sorted(PLACEHOLDER.findall(message.string)) == names, message.id
            if names:
                assert message.string % dict.fromkeys(names, ""), "a % that is none must be doubled"

    def test_beginnings_and_ends_are_alike(self, code: str) -> None:
        for message in translated(code):
            assert message.string.strip() == message.string, message.id
            assert (message.id[-1] in ".?…") == (message.string.strip("\u2069")[-1] in ".?؟…"), message.id


def test_persian_is_written_with_persian_letters() -> None:
    """Arabic keyboards have other letters for the same sounds: a search would not find them."""
    for message in texts_of(catalogue("fa")).values():
        assert not set(message.string) & set("يكةى٠١٢٣٤٥٦٧٨٩"), message.string


def test_no_text_is_put_together_where_make_texts_cannot_see_it() -> None:
    for path in (ROOT / "camproxy").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            match call:
                case ast.Call(func=ast.Name(id=name), args=[text, *_]) if name in TELLING:
                    assert not isinstance(text, ast.JoinedStr | ast.BinOp), f"{path}:{call.lineno}"
    for path in (ROOT / "static" / "js").glob("*.js"):
        for start in re.findall(r"\b_\((.)", path.read_text().replace("function _(", "")):
            assert start == '"', f"{path.name}: _({start}…"


def page(server: RunningServer, wanted: str | None, path: str = "/login") -> str:
    headers = {"Accept": "text/html"} | ({"Accept-Language": wanted} if wanted else {})
    return requests.get(server.url + path, headers=headers, timeout=15).text


def direction(html: str) -> tuple[str, str]:
    found = re.search(r'<html lang="([^"]*)" dir="([^"]*)"', html)
    assert found
    return found[1], found[2]


class TestPages:
    @pytest.mark.parametrize(
        ("wanted", "expected", "text"),
        [
            ("de", ("de", "ltr"), "Benutzername"),
            ("de-AT,en;q=0.5", ("de", "ltr"), "Benutzername"),
            ("fa-IR,fa;q=0.9,en;q=0.8", ("fa", "rtl"), "نام کاربری"),
            ("fr, fa;q=0.5", ("fa", "rtl"), "نام کاربری"),
            ("fr", ("en", "ltr"), "User name"),
            ("de;q=0, fa;q=0.1", ("fa", "rtl"), "نام کاربری"),
            ("no language;;at,all", ("en", "ltr"), "User name"),
            (None, ("en", "ltr"), "User name"),
        ],
    )
    def test_the_browser_is_asked(
        self, server: RunningServer, wanted: str | None, expected: tuple[str, str], text: str
    ) -> None:
        html = page(server, wanted)
        assert direction(html) == expected
        assert text in html

    def test_the_server_may_have_its_own(self, make_server: MakeServer) -> None:
        assert direction(page(make_server(LANGUAGE="de"), "fa")) == ("de", "ltr")

    @pytest.mark.parametrize("path", ["/", "/?all", "/devices", "/users", "/settings", "/no-such-page"])
    def test_the_users_choice_comes_first(self, server: RunningServer, persian: Person, path: str) -> None:
        html = persian.get(path, headers={"Accept-Language": "de", "Accept": "text/html"}).text
        assert direction(html) == ("fa", "rtl")
        assert "تنظیمات" in html

    def test_scripts_get_their_own_texts_and_no_others(self, server: RunningServer, persian: Person) -> None:
        assert script_texts(page(server, "en")) == {}
        texts = script_texts(persian.get("/").text)
        assert texts["You are steering"] == "کنترل در دست شماست"
        assert "User name" not in texts


def script_texts(html: str) -> dict[str, str]:
    found = re.search(r'<script type="application/json" id="catalogue">(.*?)</script>', html)
    assert found
    texts: dict[str, str] = json.loads(found[1])
    return texts


@pytest.fixture
def persian(server: RunningServer) -> Iterator[Person]:
    yield from speaking(server, "fa")


@pytest.fixture
def german(server: RunningServer) -> Iterator[Person]:
    yield from speaking(server, "de")


def speaking(server: RunningServer, language: str) -> Iterator[Person]:
    with server.person() as person:
        assert person.ask("PATCH", "/api/me", {"language": language}).ok
        yield person
        assert person.ask("PATCH", "/api/me", {"language": ""}).ok


class TestRefusals:
    @pytest.mark.parametrize(
        ("method", "path", "body", "told"),
        [
            ("GET", "/api/no-such-thing", None, "Unter dieser Adresse ist nichts."),
            ("GET", "/api/cameras/nowhere", None, "Diese Kamera gibt es nicht."),
            ("POST", "/api/cameras/demo/presets/5/go", None, "Eine Position 5 gibt es nicht."),
            ("PATCH", "/api/me", {"language": "xx"}, "language: eine Übersetzung 'xx' gibt es nicht"),
            ("PATCH", "/api/me", {"step": None}, "step: braucht einen Wert"),
            ("POST", "/api/me/tokens", {"name": " "}, "name: braucht mindestens 1 Zeichen"),
            ("POST", "/api/me/tokens", {"name": "a\tb"}, "name: darf keine Steuerzeichen enthalten"),
            ("POST", "/api/cameras", {"name": "a", "url": "no"}, "url: Eine Adresse sieht so aus: ws://"),
            ("POST", "/api/cameras", {"name": "a", "url": "demo:", "fps": 99}, "fps: darf höchstens 25 sein"),
        ],
    )
    def test_are_told_in_the_users_language(self, german: Person, method: str, path: str, body: Any, told: str) -> None:
        assert german.ask(method, path, body).json()["message"].startswith(told)

    def test_without_a_user_in_the_browsers(self, server: RunningServer) -> None:
        answer = requests.get(f"{server.url}/api/me", headers={"Accept-Language": "de"}, timeout=15)
        assert answer.json() == {"error": "unauthorized", "message": "Zuerst anmelden."}

    def test_by_socket_as_well(self, german: Person) -> None:
        listener = german.listen(auth={"subscribe": False})
        assert listener.call("preset_command", {"camera": "demo", "preset": 5})["message"] == (
            "Eine Position 5 gibt es nicht."
        )
        assert listener.next("error")["message"] == "Eine Position 5 gibt es nicht."
