"""Discriminators that several papers use."""
