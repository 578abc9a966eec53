"""A class: a short word that lets people in for an hour or two, and a wall of what each of them made last."""
