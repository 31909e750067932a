"""What can go wrong for a user. A caller's bug is a ValueError instead."""


class SpeechError(Exception):
    """One sentence written for the user: the value, the limit and the remedy."""


class AudioError(SpeechError):
    """A recording that cannot be read or transcribed."""


class CheckpointError(SpeechError):
    """A checkpoint that cannot be found, read or trusted."""


class DirectionError(SpeechError):
    """A direction that does not exist, or that contradicts another choice."""
