"""The JSON routes, one file for each noun. docs/protocol.md lists them, /api/openapi.json describes them."""
