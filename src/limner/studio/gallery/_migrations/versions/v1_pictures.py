"""The gallery: pictures with their recipes."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "pictures",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("artist", sa.String(200), nullable=False),
        sa.Column("checkpoint", sa.String(64), nullable=False),
        sa.Column("recipe", sa.JSON(), nullable=False),
        sa.Column("parents", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("png", sa.LargeBinary(), nullable=False),
        sa.Column("drawn_at", sa.BigInteger(), nullable=False),
        sa.Column("kept_at", sa.BigInteger()),
        sa.Column("deleted_at", sa.BigInteger()),
        sa.Column("deletion", sa.String(32)),
        sa.PrimaryKeyConstraint("id", name="pk_pictures"),
    )
    for column in ("drawn_at", "kept_at", "deleted_at", "deletion"):
        op.create_index(f"ix_pictures_{column}", "pictures", [column])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("pictures")
