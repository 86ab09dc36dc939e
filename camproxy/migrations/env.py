"""Alembic's environment: on the connection that schema.upgrade() opened, or on the application's own."""

from __future__ import annotations

from typing import Any

from alembic import context
from flask import current_app

from models import db

connection = context.config.attributes.get("connection")
options: dict[str, Any] = {"target_metadata": db.metadata, "render_as_batch": True, "compare_type": True}

if connection is not None:
    context.configure(connection=connection, **options)
    with context.begin_transaction():
        context.run_migrations()
else:
    # `flask --app app db …`, when a migration is written
    with current_app.extensions["migrate"].db.engine.connect() as opened:
        context.configure(connection=opened, **options)
        with context.begin_transaction():
            context.run_migrations()
