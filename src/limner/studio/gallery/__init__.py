"""The gallery: what is kept of drawings, in SQL and in zip files."""
