"""Recordings to windows: decoding, channels, voice activity, cutting."""
