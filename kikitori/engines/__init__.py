"""What decodes and aligns: this process, a borrowed GPU, or an earlier run."""
