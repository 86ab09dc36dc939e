"""Languages: which one a page is in, which way it runs, and the texts of its scripts.

The catalogues are the .po files in camproxy/translations. They are compiled when a language is first asked for, in
memory: a fresh clone needs no step for it, and no compiled file can be older than its source.
"""

from __future__ import annotations

import io
from functools import cache
from gettext import NullTranslations
from pathlib import Path

from babel import Locale, negotiate_locale
from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from flask import Flask, has_request_context, request
from flask_babel import Babel, Domain, get_locale
from flask_login import current_user
from sqlalchemy.exc import SQLAlchemyError

from camproxy.web.services import services

CATALOGUES = Path(__file__).resolve().parent.parent / "translations"


class Texts(Domain):
    """The catalogues as Flask-Babel asks for them."""

    def get_translations(self) -> NullTranslations:
        # No locale: no request, so nobody to speak to in a language.
        locale = get_locale()
        return compiled(str(locale)) if locale else Translations()


class TextsInMemory(Babel):
    domain_instance = Texts()


babel = TextsInMemory()


@cache
def languages() -> list[tuple[str, str]]:
    """(code, the language's own name) of every translation that is there, and of English."""
    codes = sorted({"en", *(path.stem for path in CATALOGUES.glob("*.po"))})
    return [(code, (Locale.parse(code).get_language_name(code) or code).capitalize()) for code in codes]


def language() -> str:
    """The user's choice, else the server's setting, else what the browser asks for, else English."""
    codes = [code for code, _ in languages()]
    try:
        chosen = current_user.language if current_user and current_user.is_authenticated else ""
    except SQLAlchemyError:
        chosen = ""  # what there is to say then is that the database does not answer
    for wanted in (chosen, services().settings.language):
        if wanted in codes:
            return wanted
    asked = request.accept_languages if has_request_context() else ()
    # In their order: Werkzeug's best_match prefers an exact "en" to the "de" of somebody who would like de-AT most.
    return negotiate_locale([tag.replace("-", "_") for tag, quality in asked if quality], codes) or "en"


@cache
def catalogue(code: str) -> Catalog:
    path = CATALOGUES / f"{code}.po"
    if not path.exists():
        return Catalog(code)  # English is what stands in the sources
    with path.open("rb") as source:
        return read_po(source, locale=code)


@cache
def compiled(code: str) -> Translations:
    binary = io.BytesIO()
    write_mo(binary, catalogue(code))
    binary.seek(0)
    return Translations(binary)


@cache
def script_texts(code: str) -> dict[str, str]:
    """The translated texts of static/js, by the English ones; empty in English."""
    return {
        str(message.id): str(message.string)
        for message in catalogue(code)
        if message.string and any(path.startswith("static/js/") for path, _ in message.locations)
    }


def init_i18n(app: Flask) -> None:
    babel.init_app(app, locale_selector=language)

    @app.context_processor
    def texts() -> dict[str, object]:
        locale = get_locale()
        return {
            "language": str(locale).replace("_", "-"),
            "text_direction": locale.text_direction if locale else "ltr",
            "languages": languages(),
            "catalogue": script_texts(str(locale)),
        }
