"""What running a server takes: limits, health, logs, an orderly stop."""
