"""Every operation of /api/openapi.json, with requests that nobody would think of, by every role: what the server answers
is what the document says, and never a fault of its own.

What the requests change is put back before each: an admin may switch off or rename itself, revoke its own token, remove
the camera that all of this is about; if that stayed so, the rest would be nothing but 401 and 404.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app import create_app
from camproxy.rows import config_of
from camproxy.web.guards import ADMIN, ANYONE, LOGIN, SEE, allowed_of
from models import ROLES, ApiToken, Camera, Preset, User, db
from tests.web.test_guards import close_log

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
#: Requests to each operation. A stranger's never get further than the guard.
EXAMPLES = {"admin": 24, "operator": 12, "viewer": 8, "stranger": 3}
#: Ways to each operation that exist, half of the time instead of made up ones.
REAL = {"camera": "steered", "slot": 1, "user_id": 2, "token_id": 1, "session_id": 1}


@dataclass
class World:
    app: Flask
    schema: Any
    tokens: dict[str, str] = field(default_factory=dict)

    def put_back(self, role: str) -> None:
        """A camera with a preset, a user that can be changed or removed, and whoever asks, who may do what it may."""
        with self.app.app_context():
            if db.session.scalar(db.select(Camera).filter_by(slug="steered")) is None:
                camera = Camera(name="Steered", slug="steered", url="demo:garden", everyone="control")
                camera.presets.append(Preset(slot=1, name="Door", x=90, y=90))
                db.session.add(camera)
                db.session.commit()
                self.app.extensions["camproxy"].cameras.put(config_of(camera))
            if db.session.get(User, REAL["user_id"]) is None:
                other = User("somebody", "not needed here")
                other.id = REAL["user_id"]
                db.session.add(other)
            if role in ROLES:
                user = db.session.scalar(db.select(User).filter_by(username=role)) or User(role, "not needed here")
                user.role, user.is_active = role, True
                db.session.add(user)
                if role not in self.tokens or ApiToken.shown(self.tokens[role]) is None:
                    token, self.tokens[role] = ApiToken.issue(user, "a test")
                    db.session.add(token)
            db.session.commit()

    def needed(self, operation: Any) -> str | None:
        """Who may use an operation, by the application itself."""
        path = operation.full_path.replace("{", "<").replace("}", ">")
        for rule in self.app.url_map.iter_rules():
            plain = rule.rule.replace("<int:", "<")
            if plain == path and operation.method.upper() in (rule.methods or set()):
                return allowed_of(self.app, rule.endpoint)
        raise AssertionError(f"{operation.label} is not in the application")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    data_dir = tmp_path_factory.mktemp("data")
    app = create_app({"DATA_DIR": str(data_dir), "ADMIN_USERNAME": "the first", "LOGIN_LIMIT": "10000 per minute"})
    runtime = app.extensions["camproxy"].runtime
    try:
        runtime.start()
        yield World(app, schemathesis.openapi.from_wsgi("/api/openapi.json", app))
    finally:
        runtime.stop()
        close_log(app)


@pytest.mark.parametrize("role", EXAMPLES)
def test_the_answers_are_those_of_the_document(world: World, role: str) -> None:
    answered: dict[str, Counter[int]] = defaultdict(Counter)
    operations = [result.ok() for result in world.schema.get_all_operations()]
    assert len(operations) > 30
    for operation in operations:

        @settings(
            max_examples=EXAMPLES[role],
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(), real=st.booleans())
        def asked(case: Any, real: bool) -> None:
            world.put_back(role)
            if real:
                case.path_parameters = {name: REAL[name] for name in case.path_parameters or {}}
                if isinstance(case.body, dict) and "url" in case.body:
                    case.body["url"] = "demo:garden"
            headers = {"Authorization": f"Bearer {world.tokens[role]}"} if role in world.tokens else {}
            answer = case.call(headers=headers)
            answered[case.operation.label][answer.status_code] += 1
            case.validate_response(answer, checks=CHECKS)

        asked()
    for operation in operations:
        refused = {"stranger": {ANYONE}, "viewer": {ANYONE, LOGIN, SEE}, "operator": {ADMIN}}
        statuses = answered[operation.label]
        print(role, operation.label, dict(statuses))
