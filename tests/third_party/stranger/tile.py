"""`tile`: small pictures written as digits, a row of pixels after the other: `09/90`."""

import numpy as np

from luthier.columns import Encoding, Shown
from luthier.errors import DataError
from luthier.items import ItemField


class Tile:
    """Tiles of 8 x 8 pixels, from 0 (dark) to 9 (bright)."""

    name = "tile"
    is_text = False

    def load_processor(self, model, **options):
        """Digits need no processor."""

    def encode(self, columns, processor, limits):
        """Turn tiles into pixel values, (items, 1, 8, 8)."""
        (cells,) = columns
        pixels = (
            np.stack([self.read(cell) for cell in cells]) if len(cells) else np.zeros((0, 8, 8))
        )
        cost = np.full(len(cells), 4)
        values = (pixels[:, None] / 9).astype(np.float32)
        return Encoding({"pixel_values": ItemField(values)}, cost, cost, cost)

    def read(self, cell):
        """Read the digits of one tile, (8, 8)."""
        rows = [[int(digit) for digit in row] for row in str(cell).split("/") if row.isdigit()]
        if [len(row) for row in rows] != [8] * 8:
            raise DataError(
                "A tile is 8 rows of 8 digits.", received=str(cell)[:40], hint="mend it"
            )
        return np.array(rows)

    def show(self, cell):
        """Show the digits."""
        return Shown("tile", str(cell))
