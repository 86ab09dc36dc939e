"""Motion before cameras, how it is looked for, and where their heads pointed."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("event", sa.Column("source", sa.String(8)))
    op.add_column("event", sa.Column("ended_at", sa.DateTime))
    op.add_column("event", sa.Column("score", sa.Double))
    op.add_column("event", sa.Column("thumbnail", sa.String(60)))
    op.create_index("ix_event_camera_id_at", "event", ["camera_id", "at"])
    op.create_table(
        "pose_change",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("camera_id", sa.Integer, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("x", sa.Integer, nullable=False),
        sa.Column("y", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pose_change"),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["camera.id"], name="fk_pose_change_camera_id_camera", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_pose_change_camera_id_at", "pose_change", ["camera_id", "at"])
    op.create_table(
        "motion_settings",
        sa.Column("camera_id", sa.Integer, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("sensitivity", sa.Integer, nullable=False),
        sa.Column("zones", sa.JSON, nullable=False),
        sa.Column("settle_seconds", sa.Double, nullable=False),
        sa.Column("muted_presets", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("camera_id", name="pk_motion_settings"),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["camera.id"], name="fk_motion_settings_camera_id_camera", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    for table in ("motion_settings", "pose_change"):
        op.drop_table(table)
    op.drop_index("ix_event_camera_id_at", table_name="event")
    with op.batch_alter_table("event") as event:
        for column in ("thumbnail", "score", "ended_at", "source"):
            event.drop_column(column)
