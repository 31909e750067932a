"""Qwen3-ASR on torch: loading a checkpoint, decoding speech with it, and aligning words with their sound."""
