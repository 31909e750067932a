"""Many recordings in one job, on this machine, on one of several, or on a cluster of them."""
