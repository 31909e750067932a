"""The page's MCP server: its tools answer with JSON, and say what they accept.

Gradio's own answer is Python's notation, and its schema says that a recording is fetched from an address.
"""

from __future__ import annotations

import json
from typing import Any

DESCRIPTIONS = {
    "audio": "The recording: a data: address such as data:audio/flac;base64,… of up to 4 MB, or the path that an "
    "upload to the page has returned. No other address is fetched.",
    "align": "Measure when each word was said.",
    "direction": "en2ja: English speech to Japanese text; ja2en: Japanese speech to English text.",
    "source": "Add what was said to the translation.",
    "language": "What is spoken: an English name or ISO code, or auto.",
    "context": "Names and terms that may be said, up to 2,000 characters.",
    "replace": "What is replaced in the text: one rule per line, old=new.",
}
"""Argument of a tool -> what it is."""
NO_RECORDING = "audio is no recording: send a data: address such as data:audio/flac;base64,… of up to 4 MB"


def repair(server: Any) -> None:
    """Make a `gradio.mcp.GradioMCPServer` answer with an endpoint's JSON, and describe what it takes."""
    gradios_schema, to_files = server.get_input_schema, server.convert_strings_to_filedata

    def get_input_schema(*arguments, **options) -> tuple[dict, list]:
        schema, places_of_files = gradios_schema(*arguments, **options)
        taken = schema["properties"]
        taken["audio"] = {"type": "string"}
        for name in taken:
            taken[name]["description"] = DESCRIPTIONS[name]
        return schema | {"required": ["audio"]}, places_of_files

    def to_uploads(arguments: Any, places_of_files: Any) -> Any:
        try:
            return to_files(arguments, places_of_files)
        except ValueError as error:  # Gradio's sentence asks for an address
            raise ValueError(NO_RECORDING) from error

    def to_json(data: list, _root_url: str) -> list:
        return [server.types.TextContent(type="text", text=json.dumps(one, ensure_ascii=False)) for one in data]

    server.get_input_schema, server.postprocess_output_data = get_input_schema, to_json
    server.convert_strings_to_filedata = to_uploads
