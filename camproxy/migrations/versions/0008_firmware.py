"""Firmware for boards, and which board is to have it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "firmware",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("version", sa.String(40), nullable=False),
        sa.Column("project", sa.String(40), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("signature", sa.String(96), nullable=False),
        sa.Column("uploaded_at", sa.DateTime, nullable=False),
        sa.Column("uploaded_by", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_firmware"),
        sa.UniqueConstraint("sha256", name="uq_firmware_sha256"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "firmware_update",
        sa.Column("device_id", sa.Integer, nullable=False),
        sa.Column("firmware_id", sa.Integer),
        sa.Column("version", sa.String(40), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("since", sa.DateTime, nullable=False),
        sa.Column("detail", sa.String(500), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("device_id", name="pk_firmware_update"),
        sa.ForeignKeyConstraint(
            ["device_id"], ["device.id"], name="fk_firmware_update_device_id_device", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["firmware_id"], ["firmware.id"], name="fk_firmware_update_firmware_id_firmware", ondelete="SET NULL"
        ),
    )
    op.create_index("ix_firmware_update_firmware_id", "firmware_update", ["firmware_id"])


def downgrade() -> None:
    op.drop_table("firmware_update")
    op.drop_table("firmware")
