"""Gradio classes that refuse what this page does not accept, with a sentence that says why."""

from __future__ import annotations

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
# Gradio would otherwise build a table of all requests so far after each request.
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(10**12))

import gradio as gr
from gradio.exceptions import InvalidPathError
from pydantic import ValidationError

from kikitori.page.refused import BROKEN
from kikitori.page.sessions import guard_queue
from kikitori.server.logging import LOG

UNKNOWN_PATH = "Unknown file path: upload the file first, and send the path that the upload returns"
NOT_A_FILE = (
    'A file is sent as {"path": …, "meta": {"_type": "gradio.FileData"}}, as handle_file makes it: '
    "upload it, and send the path that the upload returns"
)


class Page(gr.Blocks):
    """Blocks that say why a request is refused; Gradio does not send its own errors to programs.

    Values that a request leaves out at its end are those that the page starts with.
    """

    async def preprocess_data(self, block_fn, inputs: list, *arguments, **options) -> list:
        """Return the handler's arguments. Raises gr.Error for a file that is not an upload, or not a file at all."""
        left_out = [component.value for component in block_fn.inputs[len(inputs) :]]
        try:
            return await super().preprocess_data(block_fn, [*inputs, *left_out], *arguments, **options)
        except InvalidPathError as error:
            raise gr.Error(UNKNOWN_PATH, print_exception=False) from error
        except ValidationError as error:
            raise gr.Error(NOT_A_FILE, print_exception=False) from error

    async def process_api(self, *arguments, **options) -> dict:
        """Run a handler. What Gradio would print, which may contain words or names, becomes one line of the log."""
        try:
            return await super().process_api(*arguments, **options)
        except gr.Error as error:
            error.print_exception = False  # a refusal, also one by Gradio, such as that of an unknown choice
            raise
        except Exception as error:
            LOG.exception("request failed")
            raise gr.Error(BROKEN, print_exception=False) from error

    def queue(self, *arguments, **options) -> Page:
        """Enable the queue, with the guards of sessions.py."""
        super().queue(*arguments, **options)
        guard_queue(self)
        return self


def refuse_addresses(component):
    """Return the component, which now takes uploads only. Gradio would fetch an address sent in place of a file."""
    take = component.async_move_resource_to_block_cache

    async def take_upload(path):
        if str(path or "").lower().startswith(("http:", "https:")):
            raise gr.Error(f"{path} is an address, which is never fetched: upload the file", print_exception=False)
        return await take(path)

    component.async_move_resource_to_block_cache = take_upload
    return component
