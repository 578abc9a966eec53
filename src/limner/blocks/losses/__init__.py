"""Losses and penalties, and the pre-training phases that minimise them."""
