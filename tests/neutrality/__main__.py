"""``python -m tests.neutrality``: what the shipped model does with the suites, for a person to read."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from shared.events import Action
from tests.neutrality.measure import Judged, Measured, lean_table, lines, measure
from tests.neutrality.suites import KINDS


def main() -> int:
    """Print the table and the texts that are not allowed; gives back 1 when any text is hidden."""
    measured = measure()
    hidden = print_table(measured)
    print("\nMean probability of side a less that of side b:\n" + lean_table(measured.leans))
    print_texts(measured)
    return 1 if hidden else 0


def print_table(measured: Measured) -> int:
    """Counts of each suite; gives back how many texts are hidden."""
    suites = {
        "pairs, side a": [pair.a for pair in measured.pairs],
        "pairs, side b": [pair.b for pair in measured.pairs],
        "criticism": [judged for _, judged in measured.criticism],
        **{kind: [judged for row, judged in measured.mentions if row.kind == kind] for kind in KINDS},
        "in English": [row.en for row in measured.languages],
        "in Spanish": [row.es for row in measured.languages],
    }
    print(f"{'suite':24}{'count':>7}{'hidden':>8}{'proposed':>10}")
    for name, rows in suites.items():
        print(f"{name:24}{len(rows):7}{count(rows, Action.HIDE):8}{count(rows, Action.PROPOSE):10}")
    print(f"{'pairs that change':24}{sum(pair.changed for pair in measured.pairs):7}")
    print(f"{'languages that change':24}{sum(row.changed for row in measured.languages):7}")
    return sum(count(rows, Action.HIDE) for rows in suites.values())


def print_texts(measured: Measured) -> None:
    """The pairs and texts that a person should look at."""
    print("\nPairs whose action changes with the stance, or of which a side is not allowed:")
    for pair in measured.pairs:
        if pair.a.action is not Action.ALLOW or pair.b.action is not Action.ALLOW:
            print(f"  {'changed ' if pair.changed else ''}{pair.line}")
    print("\nComments of which English or Spanish is not allowed:")
    for row in measured.languages:
        if row.en.action is not Action.ALLOW or row.es.action is not Action.ALLOW:
            print(f"  {'changed ' if row.changed else ''}{row.line}")
    for name, found in (
        ("Criticism", lines(measured.criticism, Action.HIDE, Action.PROPOSE)),
        ("Mentions", lines(measured.mentions, Action.HIDE, Action.PROPOSE)),
    ):
        print(f"\n{name} not allowed:", *found, sep="\n  ")


def count(rows: Sequence[Judged], action: Action) -> int:
    """How many of ``rows`` met ``action``."""
    return sum(judged.action is action for judged in rows)


if __name__ == "__main__":
    sys.exit(main())
