"""What findings would lead to: the stronger of model and detectors for each category, and each comment's action."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from services.classify.detectors import Evidence, Sample
from services.classify.detectors.addresses import Written, addresses, registered_domain
from services.classify.detectors.links import OPEN_SITES
from services.classify.detectors.plain import plain
from services.classify.policy import findings
from services.classify.service import detectors
from services.classify.training.data import Row
from shared.categories import CATEGORIES
from shared.decision import ONLY_PROPOSES, decide
from shared.events import Action
from shared.policy import Policy


def evidence_of(rows: Sequence[Row], policy: Policy) -> list[list[Evidence]]:
    """What the detectors see of each row, each setting's agencies with their own sites allowed."""
    looking = {setting: detectors(_with_sites(policy, sites)) for setting, sites in own_sites(rows).items()}
    return [
        [seen for detector in looking[row.setting] for seen in detector(Sample(row.text, row.about or None))]
        for row in rows
    ]


def own_sites(rows: Sequence[Row]) -> dict[str, tuple[str, ...]]:
    """The sites that a setting's official posts name: what its agencies would have written into their policy."""
    found: dict[str, set[str]] = {}
    for setting, post in {(row.setting, row.about) for row in rows}:
        written = [address for address in addresses(plain(post).text) if address.written is Written.PLAIN]
        domains = {registered_domain(address.host) for address in written}
        found.setdefault(setting, set()).update(domain for domain in domains if domain and domain not in OPEN_SITES)
    return {setting: tuple(sorted(sites)) for setting, sites in found.items()}


def _with_sites(policy: Policy, sites: tuple[str, ...]) -> Policy:
    city = policy.city.model_copy(update={"allowed_domains": (*policy.city.allowed_domains, *sites)})
    return policy.model_copy(update={"city": city})


def strongest(probabilities: Any, evidence: Sequence[Sequence[Evidence]], *, hiding: bool = False) -> Any:
    """
    ``(n, 9)``: for each category the highest of the model's probability and the detectors' scores.

    Args:
        hiding: leave out what may only be proposed (`shared.decision.ONLY_PROPOSES`).
    """
    scores = probabilities.copy()
    for number, seen in enumerate(evidence):
        for item in seen:
            if not (hiding and item.source in ONLY_PROPOSES):
                column = CATEGORIES.index(item.category)
                scores[number, column] = max(scores[number, column], item.score)
    return scores


def actions_of(
    rows: Sequence[Row], probabilities: Any, evidence: Sequence[Sequence[Evidence]], policy: Policy
) -> list[Action]:
    """The action for each row, by the rules that classify and retention share, without an account's mode."""
    return [
        decide(findings(list(scores), seen, policy, post_known=bool(row.post)), policy).action
        for row, scores, seen in zip(rows, probabilities, evidence, strict=True)
    ]


def consequences(rows: Sequence[Row], actions: Sequence[Action]) -> list[str]:
    """A table: what would happen to violating and harmless comments and to protected speech, with 95 % intervals."""
    both = list(zip(rows, actions, strict=True))
    groups: Mapping[str, list[Action]] = {
        "violating comments": [action for row, action in both if 1 in row.labels],
        "harmless comments": [action for row, action in both if 1 not in row.labels],
        "protected speech": [action for row, action in both if row.protected],
        "of it, what is not labelled off topic too": [action for row, action in both if row.is_allowed_criticism],
    }
    lines = ["| of | hidden | hidden or proposed |", "|---|---:|---:|"]
    for name, group in groups.items():
        hidden, touched = _share(group, {Action.HIDE}), _share(group, {Action.HIDE, Action.PROPOSE})
        lines.append(f"| {name} ({len(group)}) | {hidden} | {touched} |")
    return lines


def _share(actions: Sequence[Action], wanted: set[Action]) -> str:
    count, total = sum(action in wanted for action in actions), len(actions)
    low, high = wilson(count, total)
    return f"{count}: {100 * count / max(1, total):.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def wilson(count: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson)."""
    if not total:
        return 0.0, 1.0
    z, share = 1.96, count / total
    middle = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return (middle - spread) / (1 + z * z / total), (middle + spread) / (1 + z * z / total)
