"""Build what does background work and reads previews: inspectors, workflows, workers.

Apart from `bootstrap.parts`, since an operator's command needs none of it.
"""

import math

from entrepot.bootstrap.parts import Parts
from entrepot.files.comparisons import COMPARE
from entrepot.files.contract import CHECK
from entrepot.files.delivery.deliver import INSPECT
from entrepot.files.derivatives import DERIVE
from entrepot.files.forms.derive import Deriver
from entrepot.files.processing.compare import Comparer
from entrepot.files.processing.inspect_batch import BatchInspector
from entrepot.files.processing.publish import FormPlaces
from entrepot.files.processing.validation import Validator
from entrepot.inspection.limits import MIB, Limits
from entrepot.inspection.sandbox.pool import InspectionPool
from entrepot.metrics.process_metrics import ProcessMetrics
from entrepot.settings import Settings
from entrepot.tasks.runs import Workflow
from entrepot.tasks.worker import Worker

PREVIEW_SCRATCH_BYTES = 256 * MIB
"""A preview keeps only its first rows, so it needs little scratch space."""


def build_pool(settings: Settings, worker_name: str) -> InspectionPool:
    """The sandbox processes of one worker, not yet started.

    Each worker has its own scratch folder: a pool removes what a killed one left there.
    """
    limits = Limits(
        memory=settings.inspection_memory,
        scratch=settings.inspection_scratch,
        wall_seconds=settings.inspection_seconds,
        cpu_seconds=max(1, math.ceil(settings.inspection_seconds)),
        unpacked=settings.inspection_unpacked,
        expansion=settings.inspection_expansion,
        line=settings.inspection_line,
        columns=settings.inspection_columns,
        cells=settings.inspection_cells,
        errors=settings.inspection_errors,
    )
    scratch = settings.data / "scratch" / worker_name
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    return InspectionPool(limits, scratch, settings.sandbox)


def build_inspector(parts: Parts, pool: InspectionPool) -> BatchInspector:
    """The inspector of one worker, which uses these sandbox processes."""
    settings = parts.settings
    places = FormPlaces(parts.queue, settings.derivative_space)
    return BatchInspector(
        parts.database,
        parts.store,
        pool,
        places,
        settings.publish_with_parquet,
        parts.clock,
    )


def build_preview_pool(parts: Parts) -> InspectionPool:
    """The pool whose sandbox processes read pages of rows, in the process that answers requests."""
    settings = parts.settings
    limits = Limits(
        memory=settings.preview_memory,
        scratch=PREVIEW_SCRATCH_BYTES,
        wall_seconds=settings.preview_seconds,
        cpu_seconds=max(1, round(2 * settings.preview_seconds)),
    )
    scratch = settings.data / "scratch" / "previews"
    return InspectionPool(limits, scratch, settings.sandbox, "previews")


def build_deriver(parts: Parts, pool: InspectionPool) -> Deriver:
    """The deriver of one worker, which uses the same sandbox processes."""
    space = parts.settings.derivative_space
    return Deriver(parts.database, parts.store, pool, space, parts.clock)


def build_worker(
    parts: Parts, inspector: BatchInspector, worker_name: str, metrics: ProcessMetrics
) -> Worker:
    """A worker with all workflows."""
    workflows: dict[str, Workflow] = {
        INSPECT: inspector,
        CHECK: Validator(inspector, parts.clock),
        COMPARE: Comparer(inspector, parts.clock),
        DERIVE: build_deriver(parts, inspector.pool),
    }
    return Worker(parts.database, parts.settings, worker_name, workflows, parts.clock, metrics)
