"""A window and what the model is told -> the request to vLLM's chat endpoint, with the prompt of qwen-asr."""

from __future__ import annotations

import base64
import io
import math

import numpy as np

from kikitori.audio.files import SAMPLE_RATE
from kikitori.engines.engine import Prompt
from kikitori.engines.vllm.servers import Server
from kikitori.errors import WindowRefusedError

AUDIO_TOKENS_PER_SECOND = 13
AROUND_TOKENS = 32
"""Of the prompt, besides the sound and the context."""


def chat_request(server: Server, waveform: np.ndarray, prompt: Prompt, max_tokens: int) -> dict:
    """Return the request for one window. waveform: float32 mono 16 kHz, (samples,).

    Raises WindowRefusedError if the server takes shorter windows only.
    """
    seconds = len(waveform) / SAMPLE_RATE
    # A character of the context is one token at most, apart from rare ones.
    needed = math.ceil(seconds * AUDIO_TOKENS_PER_SECOND) + AROUND_TOKENS + len(prompt.context) + max_tokens
    if needed > server.max_tokens:
        raise WindowRefusedError("engine_window", url=server.url, limit=server.max_tokens, needed=needed)
    sound = {"type": "audio_url", "audio_url": {"url": f"data:audio/wav;base64,{_wav(waveform)}"}}
    messages = [{"role": "system", "content": prompt.context}, {"role": "user", "content": [sound]}]
    if prompt.language:
        messages.append({"role": "assistant", "content": f"language {prompt.language}<asr_text>"})
    return {
        "model": server.model,
        "messages": messages,
        "add_generation_prompt": not prompt.language,
        "continue_final_message": bool(prompt.language),
        "max_tokens": max_tokens,
        "temperature": 0,
        "skip_special_tokens": False,
        "logprobs": True,
        "return_token_ids": True,
        "stream": True,
    } | ({"chat_template": server.template} if server.template else {})


def _wav(waveform: np.ndarray) -> str:
    """The samples as they are, in 32 bits."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, waveform, SAMPLE_RATE, format="WAV", subtype="FLOAT")
    return base64.b64encode(file.getvalue()).decode()
