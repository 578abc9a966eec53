"""Drawing elsewhere: in programs that have onnxruntime and nothing else, and in a browser without a server."""
