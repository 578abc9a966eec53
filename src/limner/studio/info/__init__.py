"""What the studio says about its artists, the systems and itself; knows nothing of how pictures are drawn."""
