"""Blind ratings of drawings, and what they come to."""
