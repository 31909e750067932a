"""Speed, measured side by side with stock qwen-asr."""
