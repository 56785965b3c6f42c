"""`tile-classification`: which way the stripes of a tile run."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from luthier.columns import Column
from luthier.declarations import MILLISECONDS, Metric, Panel
from luthier.objective import Objective
from luthier.records import Rows
from luthier.task_types.single_label import SingleLabel, SingleLabelCodec, SingleLabelOptions

METRICS = (Metric("lost_ms", "time lost", higher_is_better=False, unit=MILLISECONDS, best=0.0),)
PENALTY = 250.0  # milliseconds that a wrong answer costs


class TileClassificationOptions(SingleLabelOptions):
    """What to judge by."""

    main_metric: Literal["lost_ms", "accuracy"] = Field("lost_ms", description="Of the verdict.")


@dataclass(frozen=True)
class TileClassificationCodec(SingleLabelCodec):
    """One label per tile, learned by a margin, and judged by the time that mistakes cost."""

    def objective(self, gold, *, label_smoothing):
        """Learn by the stranger's own loss."""
        return Objective("hinge")

    def measure(self, gold, predictions):
        """Measure the time lost beside the usual metrics."""
        usual = super().measure(gold, predictions)
        lost = PENALTY * (np.asarray(predictions.answers) != gold)

        def measure(weights):
            return {"lost_ms": float(np.average(lost, weights=weights)), **usual(weights)}

        return measure

    def error_analysis(self, gold, predictions, rows):
        """Show a few tiles with what they were taken for."""
        names = self.target.names
        shown = [[rows["tile"][row], names[predictions.answers[row]]] for row in range(3)]
        return [Panel("tiles", "Tiles and their answers", {"shown": shown})]


class TileClassification(SingleLabel):
    """Tell tiles with stripes across from tiles with stripes down."""

    name = "tile-classification"
    Codec = TileClassificationCodec
    Options = TileClassificationOptions
    columns = (Column("tile", "tile", ("tile",)), Column("label", "label", ("stripes",)))
    auto_model = "AutoModelForImageClassification"
    hub_task = "image-classification"
    baselines = ("majority",)

    @staticmethod
    def toy_rows():
        """Make 90 tiles with stripes across or down."""
        tiles, labels = [], []
        for n in range(90):
            across = n % 2 == 0
            bright, width = str(5 + n % 5), 1 + n // 2 % 2
            cells = [["0"] * 8 for _ in range(8)]
            for row in range(8):
                for column in range(8):
                    if (row if across else column) // width % 2 == n // 4 % 2:
                        cells[row][column] = bright
            tiles.append("/".join("".join(row) for row in cells))
            labels.append("across" if across else "down")
        return Rows.of({"tile": tiles, "label": labels}, name="toy")


def hinge(objective, device):
    """Sum how much the score of the right label falls short of the best other one by 1."""
    from torch.nn import functional

    from luthier.training.losses import Loss, count_rows, summed

    def total(outputs, targets, weights):
        losses = functional.multi_margin_loss(outputs.logits.float(), targets, reduction="none")
        return summed(losses, weights)

    return Loss(total, count_rows)


def draw_tiles(data, facts):
    """Draw tiles as digits beside their answers; what is given is escaped."""
    from markupsafe import Markup

    rows = [
        Markup("<p class='tile'>{} is {}</p>").format(tile, answer)
        for tile, answer in data["shown"]
    ]
    return Markup("").join(rows)
