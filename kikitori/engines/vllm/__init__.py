"""vLLM as an engine: windows are decoded by one or several servers, and no model is loaded here."""
