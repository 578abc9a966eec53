"""Drawing with a loaded checkpoint: artists, seeds, recipes, stories, and what one sees of how a picture came to be."""
