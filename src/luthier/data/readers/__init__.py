"""From files, frames and hubs to rows."""
