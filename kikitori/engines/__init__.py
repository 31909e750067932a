"""Engines: what decodes and aligns. In this process, on a borrowed GPU, or remembered from an earlier run."""
