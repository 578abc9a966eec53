"""The gallery: pictures in a database, and as zip files."""
