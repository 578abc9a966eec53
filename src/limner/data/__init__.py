"""Data sets: one format in, every system out. Nothing is imported here, so that `schema` stays light."""
