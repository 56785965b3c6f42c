"""How fast is Luthier's training against Hugging Face's, as it comes and at its best?

python -m benchmarks throughput --data FOLDER
"""

from __future__ import annotations

from benchmarks.comparison import compare, options_of


def main() -> None:
    """Compare on the movie reviews, with defaults that take some minutes."""
    compare(options_of(__doc__ or "", rows=320, epochs=2).parse_args(), "throughput")
