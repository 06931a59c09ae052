"""Importers: the models compute what theirs did, and odd files are refused in one line."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from runnel.data.tokenizers import CharTokenizer, tokenizer_from_plain
from runnel.errors import DiskError, InputError
from runnel.inference import evaluate
from runnel.storage.imports import FORMATS, import_weights
from runnel.storage.load import load_model
from runnel.storage.run import RunDirectory

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
CHECKPOINTS = {"tinystoriesgru-0.2M.pt": 0.9088, "tinystoriespuregru.pt": 0.9027}


def theirs(dim: int = 12) -> dict[str, Tensor]:
    """Weights as tinystoriesgru names them."""
    torch.manual_seed(0)
    attention, cell = nn.MultiheadAttention(dim, 6), nn.GRUCell(3 * dim, dim)
    parts = {
        "token_emb": nn.Embedding(98, dim),
        "pos_emb": nn.Embedding(256, dim),
        "attn": attention,
        "gru_cell": cell,
        "priority_gate": nn.Linear(dim, 1),
        "memory_writer": nn.Linear(dim, dim),
        "ln_f": nn.LayerNorm(dim),
        "head": nn.Linear(dim, 98),
    }
    named = {f"{k}.{n}": p.detach() for k, m in parts.items() for n, p in m.state_dict().items()}
    return {"tril": torch.ones(256, 256).tril()} | named


def save(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def test_a_whole_run_comes_out(tmp_path: Path) -> None:
    weights = theirs()
    file = save(tmp_path / "theirs.pt", weights)
    import_weights(file, "tinystoriesgru", tmp_path / "run")
    model = load_model(tmp_path / "run")
    assert (tmp_path / "run" / "README.md").read_text().count("kavyamali/tinystoriesgru") == 1
    tokenizer = model.tokenizer
    assert tokenizer is not None
    assert tokenizer.decode(tokenizer.encode("a\u2603b\0")) == "a b "
    logits, _ = model(torch.tensor([[0, 5, 98]]))
    assert logits.softmax(-1)[..., 0].max() == 0
    assert torch.equal(model(torch.tensor([[1]]))[0], model(torch.tensor([[0]]))[0])


def test_half_an_import_is_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = save(tmp_path / "theirs.pt", theirs())

    def full(run: RunDirectory, model: Any) -> None:
        raise DiskError("expected to write model.safetensors; got: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, "publish", full)
        with pytest.raises(DiskError):
            import_weights(file, "tinystoriesgru", tmp_path / "run")
    import_weights(file, "tinystoriesgru", tmp_path / "run")
    assert load_model(tmp_path / "run").tokenizer is not None


def broken(kind: str) -> Any:
    weights: dict[Any, Any] = theirs()
    match kind:
        case "missing":
            del weights["gru_cell.bias_hh"]
        case "surplus":
            weights["extra"] = torch.zeros(2)
        case "shape":
            weights["memory_writer.weight"] = torch.zeros(12, 13)
        case "infinite":
            weights["head.bias"] = torch.full((98,), torch.inf)
        case "integers":
            weights["head.bias"] = torch.zeros(98, dtype=torch.int64)
        case "vocabulary":
            weights["token_emb.weight"] = torch.zeros(97, 12)
        case "scalar":
            weights["token_emb.weight"] = torch.zeros(())
        case "claims":
            weights["head.weight"] = torch.zeros(1, 1).expand(98, 2**40)
        case "text":
            weights["note"] = "hello"
        case "list":
            return list(weights.values())
        case "code":
            return {"x": Trap()}
    return weights


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('a pickle ran code')",))


KINDS = [
    *("missing", "surplus", "shape", "infinite", "integers", "vocabulary"),
    *("scalar", "claims", "text", "list", "code"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_odd_weights_are_refused_and_leave_nothing(tmp_path: Path, kind: str) -> None:
    file = save(tmp_path / "odd.pt", broken(kind))
    with pytest.raises(InputError, match=r"odd\.pt") as caught:
        import_weights(file, "tinystoriesgru", tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("no weights")
    (tmp_path / "pickle.pt").write_bytes(pickle.dumps({"x": 1}))
    whole = save(tmp_path / "cut.pt", theirs()).read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[: len(whole) // 2])
    for name in ("text.pt", "pickle.pt", "cut.pt", "absent.pt"):
        with pytest.raises(InputError, match=name):
            import_weights(tmp_path / name, "tinystoriesgru", tmp_path / "run")
    with pytest.raises(InputError, match="tinystoriesgru"):
        import_weights(tmp_path / "cut.pt", "tinystoriegru", tmp_path / "run")
    assert "tinystoriesgru" in FORMATS


@pytest.mark.parametrize(("name", "loss"), CHECKPOINTS.items())
def test_published_checkpoints_give_their_measured_loss(
    tmp_path: Path, name: str, loss: float
) -> None:
    if not (DATA / "checkpoints" / name).exists():
        pytest.skip("needs ../shared/data")
    import_weights(DATA / "checkpoints" / name, "tinystoriesgru", tmp_path / "run")
    model = load_model(tmp_path / "run")
    tokenizer = model.tokenizer
    assert isinstance(tokenizer, CharTokenizer)
    text = (DATA / "tinystories" / "v1-valid-part.txt").read_text(encoding="utf-8")
    found = evaluate(model, tokenizer.encode(text), tokenizer, windows=256, batch=256)
    assert found.tokens == 1541 * 256
    assert round(found.loss, 4) == loss


@pytest.mark.parametrize("lstm", [False, True])
@pytest.mark.parametrize(("expansion", "convolution"), [(1.0, False), (1.5, False), (1.5, True)])
def test_mingru_pytorch_computes_the_same(
    tmp_path: Path, lstm: bool, expansion: float, convolution: bool
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package = pytest.importorskip("minGRU_pytorch.minLM", reason="needs the extra bench")
    torch.manual_seed(4)
    original = package.minLM(
        num_tokens=256,
        dim=16,
        depth=2,
        use_lstm=lstm,
        expansion=expansion,
        enable_conv=convolution,
    ).eval()
    file = save(tmp_path / "theirs.pt", original.state_dict())
    import_weights(file, "mingru-pytorch", tmp_path / "run")
    tokens = torch.randint(0, 256, (2, 50))
    logits, _ = load_model(tmp_path / "run")(tokens)
    torch.testing.assert_close(logits, original(tokens), atol=1e-4, rtol=1e-4)
    weights = original.state_dict()
    weights["layers.1.2.extra"] = torch.zeros(1)
    with pytest.raises(InputError, match="extra"):
        import_weights(save(tmp_path / "odd.pt", weights), "mingru-pytorch", tmp_path / "other")


def test_unknown_characters_survive_the_disk() -> None:
    tokenizer = CharTokenizer("ab ", unknown=" ")
    again = tokenizer_from_plain(tokenizer.to_plain())
    assert again.encode("a\u2603b").tolist() == [1, 3, 2]
    assert "unknown" not in CharTokenizer("ab").to_plain()
    with pytest.raises(InputError, match="unknown"):
        CharTokenizer("ab", unknown="c")
