"""Speech to text with fine-tunes of Qwen3-ASR."""
