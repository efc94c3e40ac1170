"""What goes over the wire: requests, answers and server-sent events, a noun a file."""
