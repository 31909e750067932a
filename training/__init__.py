"""Recipes that make the checkpoints of this project."""
