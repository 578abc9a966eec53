"""Drawing over HTTP: requests in, batches through the artists, pictures out."""
