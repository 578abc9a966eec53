"""Training: the trainer, the state of players, averaged weights, the engine, run folders and the monitor."""
