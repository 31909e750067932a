"""Measures how accurate a checkpoint is: test set readers, normalisers, metrics, one runner, the cards' tables."""
