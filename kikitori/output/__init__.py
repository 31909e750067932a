"""Transcripts to files."""
