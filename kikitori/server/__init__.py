"""Server operations: limits, health, logs, orderly shutdown."""
