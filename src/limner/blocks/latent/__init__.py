"""Latent codes and noise, and what can be turned while drawing from them."""
