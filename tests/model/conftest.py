"""The tiny checkpoint, as most tests of the model use it."""

from __future__ import annotations

import pytest
import torch

from kikitori.model.recognizer import Recognizer, load_recognizer
from kikitori.tasks import TINY


@pytest.fixture(scope="module")
def tiny() -> Recognizer:
    return load_recognizer(str(TINY.folder), torch.float32)
