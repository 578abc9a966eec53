"""The studio: an HTTP server that draws, and a gallery of what is worth keeping."""
