"""From tensors to pictures that people look at."""
