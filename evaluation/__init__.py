"""How right a checkpoint is: readers of test sets, normalisers, metrics, one runner, the cards' tables."""
