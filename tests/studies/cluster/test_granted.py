"""The local Ray of a process has what the process was granted, not what the machine has."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

CHECKOUT = pathlib.Path(__file__).resolve().parents[3]
CODE = """
import json, os, sys
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from studies.cluster import session
if len(sys.argv) > 1:  # of a driver that this machine may not have
    session.granted_gpus = lambda: int(sys.argv[1])
with session.ray_cluster(None):
    import ray
    total = ray.cluster_resources()
    seen = ray.remote(lambda: sorted(os.environ["CUDA_VISIBLE_DEVICES"].split(",")))
    gpus = total.get("GPU", 0)
    print(json.dumps([total["CPU"], gpus, ray.get(seen.options(num_gpus=gpus).remote()) if gpus else None]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("visible", "gpus", "expected"), [("-1", [], [1, 0, None]), ("MIG-1,MIG-2,-1", ["2"], [1, 2, ["MIG-1", "MIG-2"]])]
)
def test_a_mask_of_one_core_and_gpus_by_the_names_that_the_process_knows(
    visible: str, gpus: list[str], expected: list[object]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, *gpus],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": visible},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected
