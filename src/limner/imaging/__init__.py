"""Tensors to pictures, contact sheets and overlays of attention."""
