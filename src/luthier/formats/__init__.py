"""The shapes in which people keep answers, tags and conversations, brought into one each."""
