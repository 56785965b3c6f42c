"""Images and sounds in files: found, bounded, and opened without trusting them."""
