"""The commands of `deploy/kubernetes`, word by word, in one box with the names, files and secrets that the manifests
give them: everything but Kubernetes itself."""

import pathlib
import secrets
import shlex
import shutil
import subprocess
import sys

import pytest

from tests.deploy.test_kubernetes import CONTAINERS, JOB, RESOURCES, ray_templates
from tests.service import Service

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = """
set -euo pipefail
initdb --pgdata=/tmp/tables --username=studies --pwfile=<(echo "$PGPASSWORD") {initdb} >/tmp/initdb.log
pg_ctl --pgdata=/tmp/tables --wait --log=/tmp/postgres.log --options="--unix_socket_directories=/tmp" start >/tmp/pg_ctl
ask="psql --quiet --no-password --host=postgres --username=studies"
$ask --dbname=postgres --file=/study/databases.sql
if env --unset=PGPASSWORD $ask --dbname=optuna --command='SELECT 1' 2>/dev/null; then exit 99; fi
{mlflow} >/tmp/mlflow.log 2>&1 &
mlflow=$!
ray start --head --num-cpus=0 --include-dashboard=false >/tmp/ray.log
ray start --address=localhost:6379 --num-cpus=2 >>/tmp/ray.log
until python -c 'import urllib.request; urllib.request.urlopen("http://mlflow:5000/health")' 2>/dev/null; do
    kill -0 $mlflow || {{ cat /tmp/mlflow.log >&2; exit 98; }}
done
{job}
studies check rehearsed --root /runs
"""


def test_the_commands_of_the_manifests_run_a_study(tmp_path: pathlib.Path) -> None:
    programs = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
    if shutil.which("bwrap") is None or not programs:
        pytest.skip("bubblewrap or PostgreSQL is not installed (Debian: apt-get install bubblewrap postgresql)")
    service = Service(tmp_path)
    service.root.mkdir()
    user = str(ray_templates()["head"]["spec"]["securityContext"]["runAsUser"])
    files = {
        "/etc/hosts": "127.0.0.1 localhost postgres mlflow\n",
        "/etc/passwd": f"studies:x:{user}:{user}::/tmp:/bin/sh\n",  # for PostgreSQL, whose image has its own user
        "/study/databases.sql": RESOURCES["ConfigMap-postgres-databases"]["data"]["databases.sql"],
    }
    study = service.write("rehearsed", resources={"cpu": 1, "gpu": 0.25})
    mlflow = CONTAINERS["Deployment-mlflow"]
    postgres = {each["name"]: each.get("value") for each in CONTAINERS["StatefulSet-postgres"]["env"]}
    script = SCRIPT.format(
        initdb=postgres["POSTGRES_INITDB_ARGS"],
        mlflow=shlex.join([*mlflow["command"], *mlflow["args"]]),
        job=JOB["spec"]["entrypoint"],
    )
    password = secrets.token_hex(16)
    environment = {
        **{variable["name"]: variable.get("value", password) for variable in CONTAINERS["head"]["env"] + mlflow["env"]},
        "PATH": f"{pathlib.Path(sys.executable).parent}:{programs[-1]}:/usr/bin:/bin",
        "PYTHONPATH": str(CHECKOUT),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "HOME": "/tmp",
    }
    box = ["bwrap", "--unshare-all", "--uid", user, "--gid", user, "--die-with-parent", "--clearenv"]
    for folder in map(str, pathlib.Path("/").iterdir()):
        box += ["--ro-bind", folder, folder]
    box += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/dev/shm", "--tmpfs", "/tmp"]
    for folder in (str(CHECKOUT), sys.prefix):  # which may be under /tmp too
        box += ["--ro-bind", folder, folder]
    for place, text in files.items():
        copy = tmp_path / pathlib.Path(place).name
        copy.write_text(text)
        box += ["--ro-bind", str(copy), place]
    box += ["--bind", str(service.root), "/runs"]
    box += ["--ro-bind", str(study), "/study/study.yaml", "--chdir", "/"]
    for name, value in environment.items():
        box += ["--setenv", name, value]
    done = subprocess.run([*box, "bash", "-c", script], capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(service.study("rehearsed").trials()) == 8
    written = [path for path in (service.root / "rehearsed").rglob("*") if path.is_file()]
    assert written
    assert not any(password.encode() in path.read_bytes() for path in written)
