"""How the embedded tiny checkpoints are made and measured."""
