"""Without padding on a device: the same function, and a step that reads nothing from there.

No GPU is needed. The first half has a CPU count as a device, so what is computed can be compared;
PyTorch's nested attention has no causal kernel on a CPU, and there it goes row by row here. The
second half runs whole steps on the device `meta`, whose tensors have no numbers: whatever would
read one raises. Kernels are chosen there as on a GPU (PyTorch does so while operations are
counted): those of FlashAttention, for rows of unequal length.
"""

import traceback
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from luthier.items import Batch
from luthier.models.speedups import host_copies, jagged
from luthier.models.speedups.apply import faster, read_token, ways_of
from luthier.models.speedups.attention import Among, attend
from luthier.models.speedups.host_copies import on_device
from luthier.models.speedups.layout import Layout
from luthier.objective import Objective
from luthier.padding import IGNORED
from luthier.training.listeners import follow
from luthier.training.loop import train
from luthier.training.losses import make_loss
from luthier.training.microbatches import MicroBatches
from luthier.training.model_calls import logits_that_count, run_model, to_tensors
from luthier.training.update import Update
from tests.equivalence.test_unpadded_families import (
    GOLD,
    LOSS,
    gradients,
    judge_of,
    taking,
    writer_of,
)
from tests.silence import ALIKE, assert_alike, silence
from tests.tiny import JUDGES, PAD, WRITERS
from tests.toys import toy_problem

pytestmark = pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")  # on a CPU
CPU, META = torch.device("cpu"), torch.device("meta")
OWN = ("deberta-v2", "mpnet", "xlnet")  # attention of their own
MASK = (torch.arange(5) < torch.tensor([3, 1, 5])[:, None]).long()
OTHER = (torch.arange(4) < torch.tensor([2, 4, 1])[:, None]).long()


def attend_in_rows(query, key, value, *, is_causal=False, **options):
    """Attend as PyTorch does, and row by row where it has no kernel on a CPU."""
    seen.append("unequal" if query.is_nested else "padded")
    plain = functional.scaled_dot_product_attention
    if not (query.is_nested and is_causal):
        return plain(query, key, value, is_causal=is_causal, **options)
    rows = zip(query.unbind(), key.unbind(), value.unbind(), strict=True)
    said = [plain(q[None], k[None], v[None], is_causal=True, **options)[0] for q, k, v in rows]
    values = torch.cat([one.transpose(0, 1) for one in said])
    return torch.nested.nested_tensor_from_jagged(values, query.offsets()).transpose(1, 2)


seen = []  # how it was attended


@pytest.fixture
def far(monkeypatch):
    """Have a CPU be a device that is waited for, with kernels for rows of unequal length."""
    seen.clear()
    monkeypatch.setattr(host_copies, "NEAR", frozenset())
    monkeypatch.setattr(host_copies, "to_device", lambda values, device: values.clone())
    monkeypatch.setattr(jagged, "KERNELS", {"cpu"})
    monkeypatch.setattr(
        jagged, "functional", SimpleNamespace(scaled_dot_product_attention=attend_in_rows)
    )


HOWS = {
    "within": ({}, "unequal"),
    "causal": ({"causal": True}, "unequal"),
    "across": ({}, "unequal"),
    "asking for the first": ({}, "unequal"),
    "asking for the last": ({"causal": True}, "unequal"),
    "asking for one within": ({"causal": True}, "padded"),
    "near": ({"window": 1}, "padded"),
    "near, causal": ({"causal": True, "window": 2}, "padded"),
    "a window that is wide enough": ({"window": 4}, "unequal"),
    "with a bias": ({}, "padded"),
    "with a bias, causal": ({"causal": True}, "padded"),
}
PLACES = {"first": [0, 0, 0], "last": [2, 0, 4], "within": [1, 0, 2]}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shared", [1, 2], ids=["", "heads share keys"])
@pytest.mark.parametrize("how", HOWS)
def test_attention_on_a_device_is_that_on_a_cpu(how, shared, dtype, far):
    torch.manual_seed(0)
    among, kernel = Among(**HOWS[how][0]), HOWS[how][1]
    near, there = Layout.of(MASK), Layout.far(MASK).to(CPU)
    if how.startswith("asking"):
        places = torch.tensor(PLACES[how.split()[-1]])
        among = among._replace(asking=near.asking(places))
    sources, n_seen = (None, None), 9
    if how == "across":
        sources = Layout.of(OTHER, near.groups_of_rows), Layout.far(OTHER).to(CPU)
        n_seen = 7
    n_asking = 9 if among.asking is None else 3
    sizes = [(n_asking, 4, 8), (n_seen, 4 // shared, 8), (n_seen, 4 // shared, 8)]
    if "bias" in how:
        sizes.append((1, 4, 5, 5))
    above = torch.randn(sizes[0])
    found = []
    given = [torch.randn(size) for size in sizes]
    for function, layout, source in zip(
        (attend, jagged.attend), (near, there), sources, strict=True
    ):
        tensors = [one.to(dtype).requires_grad_() for one in given]
        bias = tensors[3] if "bias" in how else None
        said = function(*tensors[:3], layout, among=among, scaling=0.3, source=source, bias=bias)
        (said.float() * above).sum().backward()
        found.append([said.detach(), *(one.grad for one in tensors)])
    assert seen == [kernel]
    for one, other in zip(*found, strict=True):
        most = (ALIKE if dtype == torch.float32 else 2e-2) * float(one.abs().max())
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        assert torch.allclose(one, other, rtol=0, atol=most)


def test_a_row_without_tokens_keeps_one():
    mask = torch.tensor([[0, 0, 0], [0, 1, 1]])
    layout = Layout.far(mask)
    assert layout.lengths == [1, 2]
    assert layout.offsets.tolist() == [0, 1, 3]
    assert mask.sum() == 2, "the mask itself stays"


def test_what_went_to_a_device_can_be_read_on_the_host(far):
    ids = torch.tensor([[[1, 2], [3, 4]]])
    with on_device(Batch({}, ids, 1), CPU) as batch:
        moved = batch.targets
        assert host_copies.on_host(moved) is not None
        assert host_copies.on_host(moved.view(-1, 2)).tolist() == [[1, 2], [3, 4]]
        assert host_copies.on_host(moved[0, :1]) is None, "a part"
        assert host_copies.on_host(moved.transpose(1, 2)) is None, "another order"
        assert host_copies.on_host(moved.clone()) is None, "another tensor"
        assert host_copies.on_host(host_copies.derived(moved, lambda one: one + 1)).sum() == 14
    assert host_copies.on_host(moved) is None
    assert not host_copies._copies


def judge(model, batch):
    """Give logits, and the gradient of every parameter."""
    model.train().zero_grad()
    with on_device(Batch(batch, GOLD, len(GOLD)), CPU) as moved:
        logits = model(**moved.inputs).logits
    nn.functional.cross_entropy(logits, GOLD).backward()
    return logits.detach(), gradients(model)


def write(model, batch):
    """Give the loss of true texts, and the gradient of every parameter."""
    model.train().zero_grad()
    with on_device(batch, CPU) as moved:
        total = LOSS.total(run_model(model, moved, decoder=True), moved.targets, None)
    total.backward()
    return total.detach(), gradients(model)


@pytest.mark.parametrize("is_one", [False, True], ids=["all tokens", "the token that is read"])
@pytest.mark.parametrize("family", [one for one in JUDGES if one not in OWN])
def test_classifiers_learn_as_with_padding(family, is_one, tiny_model, far):
    model, batch = judge_of(tiny_model(family), family)
    model.config.pad_token_id = PAD
    before = judge(model, batch)
    assert not seen
    way = next(ways_of(model, model, cls_only=is_one))[0]
    assert (way.chosen is not None) == (is_one and read_token(model, model) is not None)
    way.put_in()
    after = judge(model, batch)
    way.take_out()
    assert_alike(before, after)
    assert set(seen) == ({"unequal", "padded"} if family == "modernbert" else {"unequal"})
    assert torch.equal(judge(model, batch)[0], before[0]), "the model must be as before"


@pytest.mark.parametrize("number", range(4), ids=["both", "both, own", "encoder", "encoder, own"])
@pytest.mark.parametrize("family", WRITERS)
def test_encoders_and_decoders_learn_as_with_padding(family, number, tiny_model, far):
    model, batch = writer_of(family, tiny_model)
    before = write(model, batch)
    way = list(ways_of(model, model))[number]
    assert_alike(before, taking(way, lambda: write(model, batch)))
    if number == 0:
        assert "unequal" in seen
        assert ("padded" in seen) == (family == "t5"), "its bias by distance"


@pytest.mark.parametrize("family", ["bert", "gpt2", "mpnet", "bart", "t5"])
def test_a_trial_with_gradients_decides(family, tiny_model, far, monkeypatch):
    is_writer = family in WRITERS
    model, batch = (writer_of if is_writer else judge_of)(
        *((family, tiny_model) if is_writer else (tiny_model(family), family))
    )
    model.config.pad_token_id = PAD
    batch = batch if is_writer else Batch(batch, GOLD, len(GOLD))

    def compute():
        with on_device(batch, CPU) as moved:
            said = run_model(model, moved, decoder=is_writer)
            return logits_that_count(said, moved, decoder=is_writer)

    with faster(model, compute, far=True) as reason:
        assert reason is None
        assert any("forward" in part.__dict__ for part in model.modules())
    whole = Layout.unflatten
    monkeypatch.setattr(
        Layout, "unflatten", lambda self, *given, **by: whole(self, *given, **by) * 2
    )
    with faster(model, compute, far=True) as reason:
        assert "something else" in reason


def test_a_kernel_that_does_not_exist_means_padding(tiny_model, far, monkeypatch):
    model, batch = judge_of(tiny_model("bert"), "bert")

    def nowhere(*given, **options):
        raise NotImplementedError("no such kernel")

    monkeypatch.setattr(Layout, "unflatten", nowhere)

    def compute():
        with on_device(Batch(batch, GOLD, len(GOLD)), CPU) as moved:
            return [model(**moved.inputs).logits]

    with faster(model, compute, far=True) as reason:
        assert "no such kernel" in reason
        assert torch.isfinite(compute()[0]).all()


def test_without_a_copy_on_the_host_padding_is_computed_as_ever(tiny_model, far):
    model, batch = judge_of(tiny_model("bert"), "bert")
    way = next(ways_of(model, model))[0]
    before = model(**batch).logits
    way.put_in()
    assert torch.equal(model(**batch).logits, before)
    assert not seen
    way.take_out()


class Nowhere:
    """What an `Update` asks of Accelerate, for a device whose tensors have no numbers."""

    device, num_processes = META, 1

    @staticmethod
    def backward(loss):
        loss.backward()

    @staticmethod
    def clip_grad_norm_(parameters, most):
        return nn.utils.clip_grad_norm_(parameters, most)


def step_on_meta(task, family, tiny_model, *, only_labelled=False, **sections):
    """Take a whole step without numbers; give what was computed, in operations."""
    _, prepared = toy_problem(task, tiny_model(family), **sections)
    job = prepared.job
    model = job.session.make_model(True)
    inner = model
    batch = to_tensors(job.problem.codec.batch(job.problem.items["train"], np.arange(4)))
    model = model.to("meta")
    optimizer = torch.optim.AdamW(model.parameters(), foreach=True)
    update = Update(
        model,
        optimizer,
        Nowhere(),
        job,
        MicroBatches(job.plan.training),
        only_labelled=only_labelled,
    )
    way = next(ways_of(model, inner))
    for stack in way:
        stack.put_in()
    with FlopCounterMode(display=False) as counted, Copies() as copies:
        loss, norm = update.gradient([batch, batch])
        update.step()
    for stack in reversed(way):
        stack.take_out()
    assert loss.device == norm.device == META
    assert copies.by == {"to_device"}, "which does not wait"
    return counted.get_flop_counts()["Global"]


TASKS = [
    ("text-classification", "bert", False),
    ("text-classification", "roberta", False),
    ("text-classification", "distilbert", False),
    ("text-classification", "modernbert", False),
    ("text-classification", "gpt2", False),
    ("text-classification", "llama", False),
    ("multi-label-classification", "bert", False),
    ("text-regression", "bert", False),
    ("token-classification", "bert", False),
    ("question-answering", "bert", False),
    ("multiple-choice", "bert", False),
    ("masked-lm", "bert", True),
    ("masked-lm", "bert", False),
    ("summarization", "bart", True),
    ("translation", "t5", True),
    ("translation", "marian", False),
]


class Copies(TorchDispatchMode):
    """Notes which function has a tensor of the host copied to the device."""

    def __init__(self):
        super().__init__()
        self.by = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        said = function(*args, **(kwargs or {}))
        is_copy = function.overloadpacket in (torch.ops.aten._to_copy, torch.ops.aten.copy_)
        given = [one for one in args if isinstance(one, torch.Tensor)]
        if is_copy and said.device == META and any(one.device == CPU for one in given):
            stack = [one for one in traceback.extract_stack() if "torch/" not in one.filename]
            self.by.add(stack[-2].name)  # the last is this one
        return said


make_tensor = torch.tensor


def on_the_host(*given, device=CPU, **options):
    """Make a tensor of numbers of Python, which a device would be waited for."""
    assert torch.device(device) == CPU
    return make_tensor(*given, **options)


@pytest.mark.parametrize(("task", "family", "only_labelled"), TASKS)
def test_a_step_reads_nothing_from_the_device(task, family, only_labelled, tiny_model, monkeypatch):
    monkeypatch.setattr(jagged, "KERNELS", {"meta"})
    monkeypatch.setattr(torch, "tensor", on_the_host)
    counts = step_on_meta(task, family, tiny_model, only_labelled=only_labelled)
    flash = {str(kind) for kind in counts if "_flash_attention" in str(kind)}
    assert flash == {"aten._flash_attention_forward", "aten._flash_attention_backward"}


@pytest.mark.parametrize("name", ["focal", "binary-focal", "contrastive", "span", "crf"])
def test_other_losses_read_nothing_either(name):
    labels = {
        "binary-focal": torch.tensor([[0, 1, 1], [1, 0, 0]]),
        "span": torch.tensor([[0, 1], [1, 2]]),
        "crf": torch.tensor([[0, IGNORED, 1], [1, IGNORED, IGNORED]]),
    }.get(name, torch.tensor([0, 1]))
    loss = make_loss(Objective(name, label_smoothing=0.1), META)
    logits = torch.randn(2, 3, 3 if name == "crf" else 1, device=META, requires_grad=True)
    said = SimpleNamespace(logits=logits if name == "crf" else logits.squeeze(2))
    said.start_logits = said.end_logits = said.logits
    said.transitions = torch.zeros(4, 3, device=META)
    with on_device(Batch({}, labels, len(labels)), META) as moved:
        (loss.total(said, moved.targets, None) / loss.weight(moved.targets, None)).backward()
    assert logits.grad.shape == logits.shape


@pytest.mark.parametrize("switch", [True, "auto"])
@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_a_training_on_a_device_has_the_weights_of_a_padded_one(family, switch, tiny_model, far):
    found = []
    for unpadded in (switch, False):
        training = {"max_steps": 10, "eval_strategy": "no", "use_cpu": True}  # steps alone count
        training |= {"learning_rate": 1e-3, "adam_epsilon": 1e-5, "unpadded": unpadded}
        _, prepared = toy_problem("text-classification", tiny_model(family), training=training)
        model = prepared.job.session.make_model(True)
        silence(model)
        told = []
        found.append(follow(train(model, prepared.job), told.append).state_dict())
        assert not [one.message for one in told if one.message and "padding" in one.message]
        assert bool(seen) == (switch is True), "auto is on a CPU alone"
    largest = max(float(values.abs().max()) for values in found[0].values())
    for name, values in found[0].items():
        assert torch.allclose(values, found[1][name], rtol=0, atol=ALIKE * largest), name


def test_the_run_says_why_padding_is_computed(tiny_model, far, monkeypatch):
    def nowhere(*given, **options):
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(Layout, "unflatten", nowhere)
    training = {"max_steps": 1, "use_cpu": True, "unpadded": True}
    _, prepared = toy_problem("text-classification", tiny_model("bert"), training=training)
    told = []
    follow(train(prepared.job.session.make_model(True), prepared.job), told.append)
    assert any("no such kernel" in (one.message or "") for one in told)
