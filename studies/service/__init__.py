"""The verbs of a study: load, launch, resume, stop, status, extend."""

from studies.service.driving import resume, run, stop, to_resume
from studies.service.enlarging import extend
from studies.service.launching import Prepared, finished, launch, load, prepare
from studies.service.looking import examine, status

__all__ = [
    "Prepared",
    "examine",
    "extend",
    "finished",
    "launch",
    "load",
    "prepare",
    "resume",
    "run",
    "status",
    "stop",
    "to_resume",
]
