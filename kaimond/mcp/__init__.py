"""What agents see: an MCP server per connection, and its tools."""
