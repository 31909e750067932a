"""The web page, apart from its server."""
