"""Alembic's entry point: `limner.studio.gallery.database.migrate` passes a connection with an open transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
context.run_migrations()
