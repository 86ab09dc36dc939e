"""Recordings, gaps in them, and how each camera is recorded."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "recording_settings",
        sa.Column("camera_id", sa.Integer, nullable=False),
        sa.Column("folder", sa.String(17), nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("codec", sa.String(8), nullable=False),
        sa.Column("fps", sa.Double, nullable=False),
        sa.Column("crf", sa.Integer, nullable=False),
        sa.Column("pre_seconds", sa.Double, nullable=False),
        sa.Column("post_seconds", sa.Double, nullable=False),
        sa.Column("schedule", sa.JSON, nullable=False),
        sa.Column("days", sa.Integer),
        sa.Column("bytes", sa.BigInteger),
        sa.PrimaryKeyConstraint("camera_id", name="pk_recording_settings"),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["camera.id"], name="fk_recording_settings_camera_id_camera", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("folder", name="uq_recording_settings_folder"),
    )
    op.create_table(
        "recording",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("path", sa.String(60), nullable=False),
        sa.Column("camera_id", sa.Integer),
        sa.Column("started_at", sa.DateTime, nullable=False),
        sa.Column("ended_at", sa.DateTime),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("frames", sa.Integer, nullable=False),
        sa.Column("lost", sa.Integer, nullable=False),
        sa.Column("codec", sa.String(8), nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("cause", sa.String(200), nullable=False),
        sa.Column("protected", sa.Boolean, nullable=False),
        sa.Column("sha256", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_recording"),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["camera.id"], name="fk_recording_camera_id_camera", ondelete="SET NULL"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_recording_path", "recording", ["path"])
    op.create_index("ix_recording_started_at", "recording", ["started_at"])
    op.create_index("ix_recording_state", "recording", ["state"])
    op.create_index("ix_recording_camera_id_started_at", "recording", ["camera_id", "started_at"])
    op.create_table(
        "gap",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("camera_id", sa.Integer, nullable=False),
        sa.Column("started_at", sa.DateTime, nullable=False),
        sa.Column("ended_at", sa.DateTime),
        sa.Column("cause", sa.String(20), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_gap"),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name="fk_gap_camera_id_camera", ondelete="CASCADE"),
    )
    op.create_index("ix_gap_camera_id_started_at", "gap", ["camera_id", "started_at"])


def downgrade() -> None:
    for table in ("gap", "recording", "recording_settings"):
        op.drop_table(table)
