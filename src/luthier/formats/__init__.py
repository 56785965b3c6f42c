"""Common formats of answers, tags and conversations, each converted to one canonical form."""
