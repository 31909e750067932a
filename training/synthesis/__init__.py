"""Synthetic speech for the tiny checkpoints."""
