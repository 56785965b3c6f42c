"""How fast is Luthier's training against Hugging Face's, as it comes and at its best?

python benchmarks/throughput/measure.py --data FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from comparison import compare, options_of

if __name__ == "__main__":
    compare(options_of(__doc__ or "", rows=320, epochs=2).parse_args(), "throughput")
