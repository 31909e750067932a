"""The page's MCP server: its tools answer with JSON. Gradio's own answer is Python's notation."""

from __future__ import annotations

import json
from typing import Any


def answer_in_json(server: Any) -> None:
    """Make the tools of a `gradio.mcp.GradioMCPServer` answer with the JSON of what their endpoints return."""

    def to_json(data: list, _root_url: str) -> list:
        return [server.types.TextContent(type="text", text=json.dumps(one, ensure_ascii=False)) for one in data]

    server.postprocess_output_data = to_json
