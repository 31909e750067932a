"""Speed of decoding compared with qwen-asr, and a load test of the page."""
