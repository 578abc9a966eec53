"""Alembic's way in: `limner.studio.gallery.database.migrate` hands over a connection inside a transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
context.run_migrations()
