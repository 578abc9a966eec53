"""Latent codes and noise, and the knobs that scale them while drawing."""
