"""Makes and measures the embedded tiny checkpoints."""
