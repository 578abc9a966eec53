"""What reads text: encoders, tables of encoded captions, their standardisation."""
