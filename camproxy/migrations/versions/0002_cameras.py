"""Cameras, presets, permissions, personal tokens; users get a role and settings of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "camera",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("slug", sa.String(80), nullable=False),
        sa.Column("url", sa.String(500), nullable=False),
        sa.Column("fps", sa.Integer, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("has_head", sa.Boolean, nullable=False),
        sa.Column("has_light", sa.Boolean, nullable=False),
        sa.Column("everyone", sa.String(8), nullable=False),
        sa.Column("x_min", sa.Integer, nullable=False),
        sa.Column("x_max", sa.Integer, nullable=False),
        sa.Column("y_min", sa.Integer, nullable=False),
        sa.Column("y_max", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_camera"),
        sa.UniqueConstraint("name", name="uq_camera_name"),
        sa.UniqueConstraint("slug", name="uq_camera_slug"),
    )
    users_get_settings()
    op.create_table(
        "preset",
        sa.Column("camera_id", sa.Integer, nullable=False),
        sa.Column("slot", sa.Integer, nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("x", sa.Integer, nullable=False),
        sa.Column("y", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("camera_id", "slot", name="pk_preset"),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name="fk_preset_camera_id_camera", ondelete="CASCADE"),
    )
    op.create_table(
        "permission",
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("camera_id", sa.Integer, nullable=False),
        sa.Column("level", sa.String(8), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "camera_id", name="pk_permission"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_permission_user_id_user", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["camera.id"], name="fk_permission_camera_id_camera", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "api_token",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("last_used_at", sa.DateTime),
        sa.PrimaryKeyConstraint("id", name="pk_api_token"),
        sa.UniqueConstraint("sha256", name="uq_api_token_sha256"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_api_token_user_id_user", ondelete="CASCADE"),
    )
    op.create_index("ix_api_token_user_id", "api_token", ["user_id"])


def users_get_settings() -> None:
    now = sa.text("CURRENT_TIMESTAMP")
    with op.batch_alter_table("user") as user:
        user.add_column(sa.Column("role", sa.String(16), nullable=False, server_default="operator"))
        user.add_column(sa.Column("last_login_at", sa.DateTime))
        user.add_column(sa.Column("language", sa.String(16), nullable=False, server_default=""))
        user.add_column(sa.Column("theme", sa.String(8), nullable=False, server_default="system"))
        user.add_column(sa.Column("default_camera_id", sa.Integer))
        user.add_column(sa.Column("step", sa.Integer, nullable=False, server_default="10"))
        user.add_column(sa.Column("max_fps", sa.Double))
        user.create_foreign_key(
            "fk_user_default_camera_id_camera", "camera", ["default_camera_id"], ["id"], ondelete="SET NULL"
        )
        # The card's databases may have it; SQLite cannot add a column that defaults to the time.
        if "created_at" not in {column["name"] for column in sa.inspect(op.get_bind()).get_columns("user")}:
            user.add_column(sa.Column("created_at", sa.DateTime))
    table = sa.table("user", sa.column("role"), sa.column("is_admin"), sa.column("created_at"))
    op.execute(sa.update(table).where(table.c.is_admin.is_(sa.true())).values(role="admin"))
    op.execute(sa.update(table).where(table.c.created_at.is_(None)).values(created_at=now))
    with op.batch_alter_table("user") as user:
        user.drop_column("is_admin")
        for name in ("role", "language", "theme", "step"):
            user.alter_column(name, server_default=None)
        user.alter_column("created_at", existing_type=sa.DateTime, nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("user") as user:
        user.add_column(sa.Column("is_admin", sa.Boolean, nullable=False, server_default=sa.false()))
    table = sa.table("user", sa.column("role"), sa.column("is_admin"))
    op.execute(sa.update(table).where(table.c.role == "admin").values(is_admin=sa.true()))
    with op.batch_alter_table("user") as user:
        user.drop_constraint("fk_user_default_camera_id_camera", type_="foreignkey")
        for name in (
            "role",
            "created_at",
            "last_login_at",
            "language",
            "theme",
            "default_camera_id",
            "step",
            "max_fps",
        ):
            user.drop_column(name)
    for table_name in ("api_token", "permission", "preset", "camera"):
        op.drop_table(table_name)
