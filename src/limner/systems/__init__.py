"""One published system a file; this folder is the catalogue."""
