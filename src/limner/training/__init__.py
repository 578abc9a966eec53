"""Training: the trainer, what moves players, run folders, and what a person sees of it."""
