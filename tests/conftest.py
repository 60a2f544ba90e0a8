import pathlib

import pytest

SHARED = pathlib.Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def reference() -> pathlib.Path:
    """Real images for calibration; only developers have them."""
    folder = SHARED / "reference"
    if not folder.exists():
        pytest.skip("the reference images are not on this machine")
    return folder


@pytest.fixture(autouse=True)
def _needs_device(request: pytest.FixtureRequest) -> None:
    """Tests marked `cuda` are skipped where there is no device."""
    if request.node.get_closest_marker("cuda"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device")
