"""Fine-tuning recipes, and the commands that prepare their data."""
