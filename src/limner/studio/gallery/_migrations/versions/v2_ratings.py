"""Blind ratings: studies, their tasks, what systems drew for them, and what people answered."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "studies",
        _id(),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("questions", sa.JSON(), nullable=False),
        sa.Column("together", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_studies"),
    )
    op.create_table(
        "tasks",
        _id(),
        sa.Column("study_id", sa.String(32), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="fk_tasks_study_id", ondelete="CASCADE"),
    )
    op.create_table(
        "entries",
        _id(),
        sa.Column("task_id", sa.String(32), nullable=False),
        sa.Column("system", sa.String(200), nullable=False),
        sa.Column("png", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_entries"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="fk_entries_task_id", ondelete="CASCADE"),
    )
    op.create_table(
        "comparisons",
        _id(),
        sa.Column("task_id", sa.String(32), nullable=False),
        sa.Column("rater", sa.String(64), nullable=False),
        sa.Column("shown", sa.JSON(), nullable=False),
        sa.Column("answer", sa.JSON()),
        sa.Column("shown_at", sa.BigInteger(), nullable=False),
        sa.Column("answered_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_comparisons"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="fk_comparisons_task_id", ondelete="CASCADE"),
    )
    for table, column in (
        ("tasks", "study_id"),
        ("entries", "task_id"),
        ("comparisons", "task_id"),
        ("comparisons", "rater"),
    ):
        op.create_index(f"ix_{table}_{column}", table, [column])


def downgrade() -> None:
    """Drop them."""
    for table in ("comparisons", "entries", "tasks", "studies"):
        op.drop_table(table)


def _id() -> sa.Column:
    return sa.Column("id", sa.String(32), nullable=False)
