"""Measuring: the protocol, the judge, figures of pictures, stories, layouts and sentences, and systems side by side."""
