"""Alembic's entry: runs the versions on the connection that `shared/migrate.py` hands over."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("metadata"),
    render_as_batch=True,
    transactional_ddl=False,
)
context.run_migrations()
