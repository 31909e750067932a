"""Qwen3-ASR on torch: loading, the decoder's greedy loop, the forced aligner."""
