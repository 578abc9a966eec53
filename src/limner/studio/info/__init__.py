"""What the studio tells of artists, systems and itself."""
