"""`python inference.py`: options, the work they ask for, and where its results go."""
