"""What the client decides, without I/O: operations, pagination, recordings, chats, bulk reads."""
