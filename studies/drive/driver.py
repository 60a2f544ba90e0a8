"""Drive a study: data, Ray, the delivery and Tune around one state, until the plan is done or someone stops it."""

import dataclasses
import logging

import core.data
from core import checkpoints
from core.extensions import copy_of
from core.runtime import logging_at
from core.storage import Folder
from studies.cluster.placement import require_data, require_shared_folder
from studies.cluster.session import ending_with_ray, ray_cluster
from studies.delivery.client import Delivery
from studies.drive.agenda import Agenda
from studies.drive.display import Display
from studies.drive.interruption import stopping_in_good_order
from studies.drive.spending import Spending
from studies.record import own_code
from studies.record.folder import Record
from studies.record.retention import FrontOnly
from studies.record.state import StudyState
from studies.search.plan import is_complete
from studies.search.prior_results import add_prior_results
from studies.search.suggestions import Suggestions

REPORT_PATIENCE = 900.0
STOPPING = "stopping: trials save what they have trained, in a few seconds; once more stops at once"
RAY_ENDED = "Ray on this machine has ended, and the study with it; `studies resume {}` goes on"
DELIVERY_PATIENCE = 60.0  # seconds to wait for the stores at the end


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a drive ended.

    Attributes:
        finished: the plan is done.
        failed_trials: number of them.
        delivered: the stores have everything.
        spent: the study's own budget is used up.
    """

    finished: bool
    failed_trials: int
    delivered: bool
    spent: bool


def drive(record: Record, display: Display, address: str | None = None, *, retry_failed: bool = False) -> Outcome:
    """Run what is missing of a study, and trials that failed if they are to be tried again.

    Raises:
        StudyError: another driver has the study, a store cannot be reached, or no node can take a trial.
    """
    spec, folder = record.spec, record.folder
    with (
        folder.driving(),
        logging_at(logging.ERROR, "optuna"),
        stopping_in_good_order(lambda: display.message(STOPPING)) as signals,
        Delivery(folder) as delivery,
    ):
        record = folder.adopt(record)
        state = StudyState(folder.path)
        spent = Spending(spec, state)
        notes: list[str] = []
        try:
            if retry_failed:
                display.message(_reopen_failed(record, state))
            if is_complete(spec, state):
                delivery.begin()
            else:
                notes += _run_what_is_missing(record, state, spent, display, delivery, address)
        except Exception:
            delivery.flush(DELIVERY_PATIENCE)
            raise
        finally:
            display.close()
            state.close()
        delivered = delivery.flush(DELIVERY_PATIENCE)
        notes += _undelivered(delivery, delivered)
        if not signals:  # who stops a study wants to go now
            notes += _finish(delivery)
    for note in notes:
        display.message(note)
    counts = state.counts()
    all_planned = not spent() or len(state.configurations) >= spec.num_configurations
    finished = not counts["PENDING"] and not counts["RUNNING"] and all_planned
    return Outcome(finished, counts["FAILED"], delivered, spent())


def _reopen_failed(record: Record, state: StudyState) -> str:
    """Let trials that failed go on from before their failure; how many there are."""
    failed = [trial for trial in state.trials() if trial.state == "FAILED"]
    for trial in failed:
        checkpoints.drop_failed(Folder(record.written.trial_uri(trial.identity)))
        state.reopen(trial)
    return f"failed trials to try again: {len(failed)}"


def _run_what_is_missing(
    record: Record, state: StudyState, spent: Spending, display: Display, delivery: Delivery, address: str | None
) -> list[str]:
    """All of the plan that is not there yet; sentences for the end."""
    spec, folder = record.spec, record.folder
    own_code.use(record)
    core.data.prepare(spec.dataset, record.stores.data, display.data_progress)
    notes = add_prior_results(spec, state, folder.root)
    keeping = FrontOnly(spec, state, record.written.trial_uri) if spec.retention == "front" else None
    agenda = Agenda(spec, state, Suggestions(spec, state), spent, keeping or (lambda: None))
    if not agenda.wants_slots:
        return notes
    state.start_driver()
    display.message(f"connecting to Ray at {address}" if address else "starting Ray")
    code = [copy_of(each.identity, folder.code) for each in spec.extensions]
    with ray_cluster(address, code), ending_with_ray(lambda: display.message(RAY_ENDED.format(folder.name))):
        from studies.drive import tune

        require_shared_folder(record.written.trials_uri)
        require_data(spec, record.stores.data)
        tune.run(
            record, state, agenda, delivery.begin, lambda: display.refresh(state, delivery.trouble), display.message
        )
    if keeping is not None and agenda.over:
        keeping(over=True)
    return notes


def _undelivered(delivery: Delivery, delivered: bool) -> list[str]:
    """A sentence on what the stores do not have yet."""
    if delivered:
        return []
    missing = delivery.trouble or f"nothing was taken for {DELIVERY_PATIENCE:.0f} s"
    return [f"not everything was delivered yet ({missing}); `studies resume` delivers the rest"]


def _finish(delivery: Delivery) -> list[str]:
    """Have the report written; a sentence on what it lacks."""
    trouble = delivery.finish(REPORT_PATIENCE)
    return [] if trouble is None else [f"the report is not complete: {trouble}"]
