"""Boards that dial in, their keys, pairing, and what happened by itself."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "device",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("mac", sa.String(17), nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("firmware", sa.String(40), nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("last_seen_at", sa.DateTime),
        sa.Column("config", sa.JSON, nullable=False),
        sa.Column("pending", sa.JSON),
        sa.Column("config_state", sa.String(16), nullable=False),
        sa.Column("config_at", sa.DateTime),
        sa.Column("config_detail", sa.String(500), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_device"),
        sa.UniqueConstraint("mac", name="uq_device_mac"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "device_key",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("device_id", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("first_used_at", sa.DateTime),
        sa.Column("expires_at", sa.DateTime),
        sa.PrimaryKeyConstraint("id", name="pk_device_key"),
        sa.ForeignKeyConstraint(
            ["device_id"], ["device.id"], name="fk_device_key_device_id_device", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("sha256", name="uq_device_key_sha256"),
    )
    op.create_index("ix_device_key_device_id", "device_key", ["device_id"])
    op.create_table(
        "pairing_window",
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("opened_at", sa.DateTime, nullable=False),
        sa.Column("expires_at", sa.DateTime, nullable=False),
        sa.Column("opened_by", sa.String(80), nullable=False),
        sa.Column("open_to_network", sa.Boolean, nullable=False),
        sa.Column("allow_unencrypted", sa.Boolean, nullable=False),
        sa.Column("wrong_tries", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("kind", name="pk_pairing_window"),
    )
    op.create_table(
        "pairing_token",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("mac", sa.String(17)),
        sa.Column("address", sa.String(45)),
        sa.Column("wrong_tries", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("used_at", sa.DateTime),
        sa.Column("device_id", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_pairing_token"),
        sa.ForeignKeyConstraint(
            ["kind"], ["pairing_window.kind"], name="fk_pairing_token_kind_pairing_window", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["device_id"], ["device.id"], name="fk_pairing_token_device_id_device", ondelete="SET NULL"
        ),
        sa.UniqueConstraint("sha256", name="uq_pairing_token_sha256"),
    )
    op.create_index("ix_pairing_token_kind", "pairing_token", ["kind"])
    op.create_table(
        "event",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("device_id", sa.Integer),
        sa.Column("camera_id", sa.Integer),
        sa.Column("detail", sa.String(500), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name="fk_event_device_id_device", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name="fk_event_camera_id_camera", ondelete="CASCADE"),
    )
    op.create_index("ix_event_at", "event", ["at"])
    op.create_index("ix_event_device_id", "event", ["device_id"])
    op.create_index("ix_event_camera_id", "event", ["camera_id"])
    with op.batch_alter_table("camera") as camera:
        camera.add_column(sa.Column("pico_id", sa.Integer))
        camera.create_foreign_key("fk_camera_pico_id_device", "device", ["pico_id"], ["id"], ondelete="SET NULL")
        camera.create_unique_constraint("uq_camera_pico_id", ["pico_id"])


def downgrade() -> None:
    with op.batch_alter_table("camera") as camera:
        camera.drop_constraint("uq_camera_pico_id", type_="unique")
        camera.drop_constraint("fk_camera_pico_id_device", type_="foreignkey")
        camera.drop_column("pico_id")
    for table in ("event", "pairing_token", "pairing_window", "device_key", "device"):
        op.drop_table(table)
