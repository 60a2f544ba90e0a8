"""The image and what runs it agree; whether it works is asked in `tests/cluster/test_container.py`."""

import pathlib
import re
import tomllib

from tests.deploy.test_kubernetes import PODS

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINES = (ROOT / "deploy" / "Containerfile").read_text().splitlines()


def arguments(instruction: str) -> list[str]:
    return [line.removeprefix(f"{instruction} ") for line in LINES if line.startswith(f"{instruction} ")]


def test_its_user_is_the_one_of_the_pods_and_its_entry_point_is_ours() -> None:
    (user,) = arguments("USER")
    number, group = map(int, user.split(":"))
    ours = {name: pod for name, pod in PODS.items() if "disentanglement-studies:" in pod["containers"][0]["image"]}
    assert ours.keys() == {"Deployment-mlflow", "gpu", "head"}
    assert {pod["securityContext"]["runAsUser"] for pod in ours.values()} == {number}
    assert group == 0  # so that a cluster may choose another user
    (entry_point,) = arguments("ENTRYPOINT")
    assert entry_point == '["studies"]'


def test_every_package_of_the_project_is_in_it_and_every_version_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {pattern.rstrip("*") for pattern in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert packages <= {line.split()[0] for line in arguments("COPY")}
    assert all((ROOT / line.split()[0]).exists() for line in arguments("COPY") if not line.startswith("--from"))
    installs = [line for line in arguments("RUN") if line.startswith("pip install")]
    assert len(installs) == 2
    assert all("--constraint /opt/constraints.txt" in line for line in installs)
    python = re.search(r"python:(3\.\d+)", "\n".join(LINES))
    assert python is not None
    assert python[1] == "3.11"  # for which the versions of constraints.txt were chosen
