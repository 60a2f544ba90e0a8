"""What MLflow's UI opens with: a saved view of a study's experiment, its configurations sorted and its front drawn.

MLflow keeps the views that people share as tags of the experiment; this writes one. The form is that of MLflow 3.17.2;
a UI that does not know it shows its own default instead.
"""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

KEY = "studies"
TAG = f"mlflow.sharedViewState.{KEY}"
DRAWN = 100  # runs in a chart
NAME_WIDTH = 300  # pixels; in which a hyperparameter is whole


def varied(spec: Mapping[str, Any], model: str | None = None) -> list[str]:
    """Hyperparameters that a study file varies, of one model or of all."""
    models = spec["models"].values() if model is None else [spec["models"].get(model, {})]
    raws = [{**spec["defaults"], **raw} for raw in models]
    return list(dict.fromkeys(name for raw in raws for name, value in raw.items() if isinstance(value, dict | list)))


def address(server: str, experiment: str, *, charts: bool = False) -> str:
    """Where the UI of a server shows the view of an experiment: its table, or its charts."""
    mode = "&compareRunsMode=CHART" if charts else ""
    query = f"workflowType=machine_learning&viewStateShareKey={KEY}{mode}"
    return f"{server}/#/experiments/{experiment}/runs?{query}"


def is_shown(spec: Mapping[str, Any], tags: Mapping[str, str]) -> bool:
    """Whether an experiment with these tags has the view of a study as it is now."""
    try:
        return bool(json.loads(tags[TAG])["state"] == json.loads(view(spec, 0))["state"])
    except (KeyError, ValueError, TypeError):
        return False


def view(spec: Mapping[str, Any], now: int) -> str:
    """The view of a study, as the value of its tag.

    Args:
        spec: of the study, as plain data.
        now: milliseconds since 1970.
    """
    objectives = list(spec["objectives"])
    first = objectives[0]
    columns = ["params.`model`", *(f"params.`{name}`" for name in varied(spec))]
    columns += [f"metrics.`{part}/{key}`" for key in objectives for part in ("mean", "std")]
    state = {
        "searchFilter": "tags.\"studies.kind\" = 'configuration'",
        "orderByKey": f"metrics.`mean/{first}`",
        "orderByAsc": spec["objectives"][first] == "minimize",
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": columns,
        "columnOrder": [],
        "columnWidths": {"runName": NAME_WIDTH},
        "runsHiddenMode": "SHOW_ALL",
        "groupBy": None,
        "groupsExpanded": {},
        "runsExpanded": {},
        "hideEmptyCharts": True,
        "useGroupedValuesInCharts": True,
        "isAccordionReordered": True,
        **_charts(objectives, spec["metrics"]["during"]),
    }
    packed = base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()
    return json.dumps({"name": "studies", "createdAt": now, "updatedAt": now, "state": f"deflate;{packed}"})


def _charts(objectives: Sequence[str], during: Sequence[str]) -> dict[str, Any]:
    """The front above, then the means over seeds during training."""
    sections = [_section("front", "The front", 1), _section("curves", "Means over seeds", 2)]
    charts: list[dict[str, Any]] = []
    if len(objectives) > 1:
        horizontal, vertical = (f"mean/{key}" for key in (objectives[1], objectives[0]))
        axes = {"xaxis": {"key": horizontal, "type": "METRIC"}, "yaxis": {"key": vertical, "type": "METRIC"}}
        charts.append({"type": "SCATTER", "metricSectionId": "front", **_chart("front"), **axes})
    else:
        charts.append(
            {"type": "BAR", "metricSectionId": "front", **_chart("front"), "metricKey": f"mean/{objectives[0]}"}
        )
    for number, key in enumerate(dict.fromkeys([*objectives, *during])):
        charts.append({"type": "LINE", "metricSectionId": "curves", **_chart(f"curve{number}"), **_line(f"mean/{key}")})
    return {"compareRunSections": sections, "compareRunCharts": charts}


def _section(uuid: str, name: str, columns: int) -> dict[str, Any]:
    size = {"columns": columns, "cardHeight": 360}
    flags = {"display": True, "isReordered": True, "deleted": False, "isGenerated": False}
    return {"uuid": uuid, "name": name, **size, **flags}


def _chart(uuid: str) -> dict[str, Any]:
    return {"uuid": uuid, "deleted": False, "isGenerated": False, "runsCountToCompare": DRAWN}


def _line(metric: str) -> dict[str, Any]:
    return {
        "metricKey": metric,
        "selectedMetricKeys": [metric],
        "xAxisKey": "step",
        "selectedXAxisMetricKey": "",
        "xAxisScaleType": "linear",
        "scaleType": "linear",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "lineSmoothness": 0,
        "useGlobalLineSmoothing": True,
        "useGlobalXaxisKey": True,
        "ignoreOutliers": False,
        "displayPoints": True,
        "range": {},
    }
