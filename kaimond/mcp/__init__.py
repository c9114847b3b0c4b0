"""The MCP servers that agents talk to, one per connection, and their tools."""
