"""A teacher: a text encoder and an image encoder that name what they read and see, and score what is drawn."""
