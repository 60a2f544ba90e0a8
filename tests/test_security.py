"""Nothing is unpickled, evaluated or served to the world."""

import ast
import pathlib

import pytest

from core.files import redact

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILES = [path for floor in ("core", "trainables", "analysis", "studies") for path in (ROOT / floor).rglob("*.py")]
FORBIDDEN_IMPORTS = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
FORBIDDEN_CALLS = {"eval", "exec", "read_pickle", "to_pickle"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_unpickles_or_evaluates(path: pathlib.Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            assert not {module.split(".")[0] for module in modules} & FORBIDDEN_IMPORTS
        if not isinstance(node, ast.Call):
            continue
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        called = ast.unparse(node.func)
        assert called.split(".")[-1] not in FORBIDDEN_CALLS or called.endswith(".eval"), (
            called
        )  # model.eval() is harmless
        if called == "torch.load":
            assert ast.unparse(keywords["weights_only"]) == "True"
        if called == "np.load":
            assert "allow_pickle" not in keywords or ast.unparse(keywords["allow_pickle"]) == "False"
        for value in keywords.values():
            assert not (isinstance(value, ast.Constant) and value.value == "0.0.0.0"), "listens on every interface"


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql://user:secret@host/db", "postgresql://user:***@host/db"),
        ("http://user:p%40ss@host:5000", "http://user:***@host:5000"),
        ("sqlite:////tmp/mlflow.db", "sqlite:////tmp/mlflow.db"),
        ("s3://key:word@bucket/x?region=a", "s3://key:***@bucket/x?region=a"),
        ("postgresql://host/db?user=ann&password=p%40ss&port=1", "postgresql://host/db?user=ann&password=***&port=1"),
        ("s3://bucket/x?access_key=a&secret_key=b&region=c", "s3://bucket/x?access_key=***&secret_key=***&region=c"),
    ],
)
def test_passwords_are_not_shown(uri: str, shown: str) -> None:
    assert redact(uri) == shown
