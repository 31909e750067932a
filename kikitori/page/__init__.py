"""The web page: its tabs, what their buttons do, its texts and its script."""
