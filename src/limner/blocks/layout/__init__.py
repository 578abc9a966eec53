"""Labelled boxes as tensors. Letters: B layouts, K boxes, L labels."""
