"""Classify, wired: judges every comment that arrives with the shipped model and the detectors."""

from __future__ import annotations

import logging
from datetime import timedelta

from services.classify.detectors import Detector
from services.classify.detectors.floods import Floods
from services.classify.detectors.links import Links
from services.classify.detectors.personal import Personal
from services.classify.detectors.profanity import masked_profanity
from services.classify.detectors.threats import threats
from services.classify.handlers import ClassifyComments
from services.classify.judge import Judge
from services.classify.model import SHIPPED, Model, Pair
from services.classify.models import open_model
from services.classify.settings import ClassifySettings
from shared.categories import CATEGORIES
from shared.consumer import consumer
from shared.errors import Transient
from shared.events import CommentReceived
from shared.policy import Policy
from shared.service import Resources, Service

log = logging.getLogger(__name__)


def open_judge(model: Model, policy: Policy, *remembering: Detector) -> Judge:
    """The judge with the detectors that the policy's words need, and those that remember where there is a stream."""
    return Judge(model, [*detectors(policy), *remembering], policy)


def detectors(policy: Policy) -> list[Detector]:
    """Those that remember nothing."""
    return [Links(policy.city.allowed_domains), masked_profanity, Personal(policy.city.phone_numbers), threats]


async def build(resources: Resources) -> Service:
    """Wire classify. Raises `SettingsInvalid` for a model that is missing, altered or wrongly labelled."""
    settings = ClassifySettings.load()
    workers = settings.threads(embedded=resources.settings.embedded())
    model = open_model(settings.model_dir or SHIPPED, workers=workers)
    log.info("model loaded", extra={"version": model.version, "workers": workers, "settings": settings.effective()})
    floods = Floods(
        copies=settings.flood_copies,
        window=timedelta(minutes=settings.flood_minutes),
        capacity=settings.flood_capacity,
    )
    classify = ClassifyComments(open_judge(model, resources.policy, floods), resources.now)

    async def answers() -> None:
        rows = await model.score([Pair("Thank you.")])
        if rows.shape != (1, len(CATEGORIES)) or not ((rows >= 0) & (rows <= 1)).all():
            raise Transient("the model gives no nine probabilities")

    return Service(
        name="classify",
        loops=[
            consumer(
                resources.bus,
                CommentReceived,
                group="classify.score",
                handle=classify,
                source="classify",
                member=resources.settings.instance,
                now=resources.now,
                max_batch=settings.max_batch,
            )
        ],
        checks={"model": answers, "bus": resources.bus.ping},
        close=model.close,
    )
