"""Measuring: the protocol, the judge, figures of pictures and stories, and systems side by side."""
