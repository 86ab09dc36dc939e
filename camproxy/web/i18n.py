"""Languages: which one a page is in, which way it runs, and the texts of its scripts."""

from __future__ import annotations

from functools import cache

from flask import Flask, request
from flask_babel import Babel, get_locale, get_translations
from flask_login import current_user

from camproxy.web.services import services

babel = Babel()


@cache
def languages() -> list[tuple[str, str]]:
    """(code, the language's own name) of every translation that is there, and of English."""
    found = {str(locale): locale for locale in babel.list_translations()}
    return [(code, (locale.get_language_name(locale.language) or code).capitalize()) for code, locale in found.items()]


def language() -> str:
    """The user's choice, else the server's setting, else what the browser asks for, else English."""
    codes = [code for code, _ in languages()]
    chosen = current_user.language if current_user and current_user.is_authenticated else ""
    for wanted in (chosen, services().settings.language):
        if wanted in codes:
            return wanted
    return request.accept_languages.best_match(codes) or "en"


def script_catalogue() -> dict[str, str | list[str]]:
    """Every translated text, by the English one; empty in English. Plural forms are a list."""
    catalogue: dict[str, str | list[str]] = {}
    for message_id, translated in getattr(get_translations(), "_catalog", {}).items():
        if not message_id:
            continue
        if isinstance(message_id, tuple):
            forms = catalogue.setdefault(message_id[0], [])
            if isinstance(forms, list):
                forms.append(translated)
        elif translated:
            catalogue[message_id] = translated
    return catalogue


def init_i18n(app: Flask) -> None:
    babel.init_app(app, locale_selector=language, default_translation_directories="camproxy/translations")

    @app.context_processor
    def texts() -> dict[str, object]:
        locale = get_locale()
        return {
            "language": str(locale).replace("_", "-"),
            "text_direction": locale.text_direction if locale else "ltr",
            "languages": languages(),
            "catalogue": script_catalogue(),
        }
