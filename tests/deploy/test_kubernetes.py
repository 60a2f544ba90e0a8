"""The manifests of `deploy/kubernetes`: valid by the schemas of Kubernetes, and of one piece with the project.

The resources of KubeRay have no schema here: their pod templates are held against Kubernetes' own, and the names of
their other fields against KubeRay's reference.
"""

import pathlib
import shlex
import tomllib
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import typer
from ruamel.yaml import YAML

from core.files import redact
from studies import service
from studies.cli.app import app

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
KUBERNETES = "1.31"  # the oldest release that the schemas at hand know
CLUSTER_FIELDS = {"rayVersion", "authOptions", "headGroupSpec", "workerGroupSpecs"}
HEAD_FIELDS = {"rayStartParams", "template"}
WORKER_FIELDS = {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"}
JOB_FIELDS = {"entrypoint", "backoffLimit", "shutdownAfterJobFinishes", "ttlSecondsAfterFinished", "rayClusterSpec"}


def load(name: str) -> list[dict[str, Any]]:
    return list(YAML(typ="safe").load_all(FOLDER / name))


KUSTOMIZATION = load("kustomization.yaml")[0]
RESOURCES = {f"{each['kind']}-{each['metadata']['name']}": each for n in KUSTOMIZATION["resources"] for each in load(n)}
JOB = load("rayjob.yaml")[0]
CLUSTER = load("raycluster.yaml")[0]


def ray_templates() -> dict[str, dict[str, Any]]:
    spec = CLUSTER["spec"]
    return {group["groupName"]: group["template"] for group in spec["workerGroupSpecs"]} | {
        "head": spec["headGroupSpec"]["template"]
    }


def pod_specs() -> dict[str, dict[str, Any]]:
    own = {
        name: each["spec"]["template"]["spec"] for name, each in RESOURCES.items() if "template" in each.get("spec", {})
    }
    return own | {name: template["spec"] for name, template in ray_templates().items()}


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value that is no mapping or list, with its path."""
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(each, (*path, key))
    else:
        yield path, value


PODS = pod_specs()
CONTAINERS = {name: pod["containers"][0] for name, pod in PODS.items()}


@pytest.mark.parametrize("name", RESOURCES)
def test_a_resource_is_valid(name: str) -> None:
    kubernetes_validate.validate(RESOURCES[name], KUBERNETES, strict=True)


@pytest.mark.parametrize("name", ray_templates())
def test_a_pod_of_ray_is_valid(name: str) -> None:
    template = {
        "apiVersion": "v1",
        "kind": "PodTemplate",
        "metadata": {"name": name},
        "template": ray_templates()[name],
    }
    kubernetes_validate.validate(template, KUBERNETES, strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(template | {"template": {"spec": {"container": []}}}, KUBERNETES, strict=True)


def test_fields_of_kuberay_are_those_of_its_reference() -> None:
    assert (JOB["apiVersion"], JOB["kind"]) == ("ray.io/v1", "RayJob")
    assert (CLUSTER["apiVersion"], CLUSTER["kind"]) == ("ray.io/v1", "RayCluster")
    assert set(JOB["spec"]) <= JOB_FIELDS
    assert set(CLUSTER["spec"]) <= CLUSTER_FIELDS
    assert set(CLUSTER["spec"]["headGroupSpec"]) == HEAD_FIELDS
    for group in CLUSTER["spec"]["workerGroupSpecs"]:
        assert set(group) == WORKER_FIELDS
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    groups = [CLUSTER["spec"]["headGroupSpec"], *CLUSTER["spec"]["workerGroupSpecs"]]
    assert all(isinstance(value, str) for group in groups for value in group["rayStartParams"].values())
    assert CLUSTER["spec"]["authOptions"] == {"mode": "token"}


def test_the_job_brings_the_cluster_that_can_also_stay() -> None:
    assert JOB["spec"]["rayClusterSpec"] == CLUSTER["spec"]
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines())
    assert CLUSTER["spec"]["rayVersion"] == pins["ray"]


def test_the_job_is_a_command_of_this_project_with_a_study_file_that_is_valid(tmp_path: pathlib.Path) -> None:
    program, command, *arguments = shlex.split(JOB["spec"]["entrypoint"])
    assert program in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    launch = typer.main.get_command(app).commands[command]
    options = launch.make_context(command, arguments).params
    file = pathlib.Path(options["file"])
    assert options["address"] == "auto"

    (generated,) = KUSTOMIZATION["configMapGenerator"]
    for pod in ray_templates().values():
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        mounts = {mount["name"]: mount["mountPath"] for mount in pod["spec"]["containers"][0]["volumeMounts"]}
        assert volumes["study"]["configMap"]["name"] == generated["name"]
        assert file.parent == pathlib.Path(mounts["study"])
        assert f"PersistentVolumeClaim-{volumes['runs']['persistentVolumeClaim']['claimName']}" in RESOURCES
        assert options["root"] == pathlib.Path(mounts["runs"])
        assert pathlib.Path(options["data_root"]).is_relative_to(mounts["runs"])
    assert RESOURCES["PersistentVolumeClaim-runs"]["spec"]["accessModes"] == ["ReadWriteMany"]
    assert file.name in generated["files"]
    spec, _ = service.load(FOLDER / file.name, str(tmp_path))
    assert spec.resources.gpu == 0.25


def test_addresses_are_those_of_the_services() -> None:
    ports = {
        each["metadata"]["name"]: each["spec"]["ports"][0]["port"]
        for each in RESOURCES.values()
        if each["kind"] == "Service"
    }
    assert ports == {"postgres": 5432, "mlflow": 5000}
    entrypoint = JOB["spec"]["entrypoint"]
    assert "http://mlflow:5000" in entrypoint
    assert "@postgres/optuna" in entrypoint
    assert "@postgres/mlflow" in str(CONTAINERS["Deployment-mlflow"]["args"])
    for name in ("optuna", "mlflow"):
        assert f"CREATE DATABASE {name};" in RESOURCES["ConfigMap-postgres-databases"]["data"]["databases.sql"]


def test_secrets_are_referred_to_and_never_written() -> None:
    assert not any(each["kind"] == "Secret" for each in RESOURCES.values())
    for container in CONTAINERS.values():
        for variable in container["env"]:
            if any(word in variable["name"] for word in ("PASSWORD", "TOKEN", "SECRET", "KEY")):
                assert variable["valueFrom"]["secretKeyRef"]["name"] == "postgres"
                assert "value" not in variable
    for _, value in leaves([JOB, CLUSTER, RESOURCES]):
        assert redact(str(value)) == str(value)
    assert {"PGPASSWORD"} <= {variable["name"] for variable in CONTAINERS["head"]["env"]}


def test_no_port_is_open_to_the_world() -> None:
    for path, value in leaves([JOB, CLUSTER, RESOURCES]):
        assert path[-1] not in {"nodePort", "hostPort", "hostNetwork", "externalIPs", "loadBalancerIP", "serviceType"}
        assert value not in {"NodePort", "LoadBalancer", "Ingress"}
        assert "enableIngress" not in path


@pytest.mark.parametrize("name", PODS)
def test_a_pod_is_unprivileged(name: str) -> None:
    pod, container = PODS[name], CONTAINERS[name]
    assert len(pod["containers"]) == 1
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert {"name": "temporary", "mountPath": "/tmp"} in container["volumeMounts"]  # else nothing could be written
    assert {mount["name"] for mount in container["volumeMounts"]} <= {volume["name"] for volume in pod["volumes"]} | {
        "tables"
    }
