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
