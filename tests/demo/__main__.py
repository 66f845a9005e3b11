"""
``make demo``: the whole system in one process, a simulated Facebook page, and some thirty comments.

It prints what happened to each comment and why, and ends with the page that was sent. ``--stay`` leaves everything
running, to look at the page and the console.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.system import PAGE_ID, Process, Side, System, free_port, wait_for

SAMPLES = Path(__file__).with_name("samples.jsonl")
WIDTH = 100


def main() -> int:
    """Run the demo; gives back the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__)
    parser.add_argument("--stay", action="store_true", help="leave it running until Ctrl-C")
    stay = parser.parse_args().stay
    with (
        tempfile.TemporaryDirectory(prefix="moderation-demo-") as name,
        running(Path(name)) as (system, graph, channel),
    ):
        say(f"The system runs in one process at {system.url('retention')}, the simulated page at {graph.url}/")
        names = write_samples(graph)
        settled(system, graph, len(names))
        verdicts = decisions(system, names)
        print_story(names, verdicts, graph.get("/control/comments"))
        good = print_page(channel)
        if stay:
            stay_up(system, graph)
    return 0 if good else 1


@contextmanager
def running(folder: Path) -> Iterator[tuple[System, Side, Side]]:
    """The product, the simulated page and a simulated messenger."""
    graph_port, channel_port = free_port(), free_port()
    inbox = f"json://127.0.0.1:{channel_port}"
    oncall = [{"person": "rivera", "name": "Sgt. Rivera", "channels": [f"{inbox}/rivera"]}]
    system = System(
        folder / "system",
        extra={
            "FACEBOOK_GRAPH_URL": f"http://127.0.0.1:{graph_port}",
            "NOTIFY_TEAM": f"{inbox}/team",
            "NOTIFY_ONCALL": json.dumps(oncall),
        },
    )
    graph = _side(
        "graph",
        folder,
        graph_port,
        ["tests.fakes.graph", "--webhook", f"{system.url('ingest')}/webhooks/facebook"],
    )
    channel = _side("channel", folder, channel_port, ["tests.fakes.channel"])
    try:
        graph.start()
        channel.start()
        name = ("--name", "Riverbend Police Division", "--mode", "hide")
        system.command("services.retention", "accounts", "add", "facebook", PAGE_ID, *name)
        system.start()
        assert graph.post("/control/verify")["verified"], "the webhook's handshake failed"
        yield system, graph, channel
    finally:
        system.stop()
        graph.process.kill()
        channel.process.kill()


def _side(name: str, folder: Path, port: int, command: list[str]) -> Side:
    process = Process(name, [sys.executable, "-m", *command, "--port", str(port)], {}, folder / f"{name}.log")
    return Side(process, f"http://127.0.0.1:{port}")


def write_samples(graph: Side) -> dict[str, dict[str, Any]]:
    """Write the posts, then the comments with what their authors do next; gives back the samples by comment id."""
    lines = [json.loads(line) for line in SAMPLES.read_text().splitlines()]
    posts = {
        line["post"]: graph.post("/control/posts", {"message": line["message"]})["id"]
        for line in lines
        if "post" in line
    }
    wait_for("posts", lambda: graph.get("/control/idle")["idle"])
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        if "on" not in line:
            continue
        body = {"post_id": posts[line["on"]], "message": line["text"], "author": line["author"]}
        comment = graph.post("/control/comments", body)["id"]
        found[comment] = line
    wait_for("deliveries", lambda: graph.get("/control/idle")["idle"])
    for comment, line in found.items():
        then = line.get("then", {})
        if "edit" in then:
            graph.post(f"/control/comments/{comment}/edit", {"message": then["edit"]})
        if "remove" in then:
            graph.post(f"/control/comments/{comment}/remove")
    return found


def settled(system: System, graph: Side, comments: int) -> None:
    """Wait until every comment is decided and every hide is read back."""
    wait_for("deliveries", lambda: graph.get("/control/idle")["idle"])
    wait_for("decisions", lambda: sum(system.metric("retention", "moderation_decisions_total").values()) >= comments)

    def done() -> bool:
        waiting = [row for row in records(system) if row["standing"] == "hidden_provisionally"]
        hidden = {row["id"] for row in graph.get("/control/comments") if row["hidden"]}
        return bool(hidden) and all(row["subject"].rpartition(":")[2] in hidden for row in waiting)

    wait_for("hides", done)


def records(system: System) -> list[dict[str, str]]:
    """Records with what stands, as the command prints them."""
    lines = system.command("services.retention", "records", "list", "--limit", "200").splitlines()
    rows = []
    for head, reason in zip(lines[::2], lines[1::2], strict=True):
        _, _, clause, standing, subject = head.split(maxsplit=4)
        rows.append({"clause": clause, "standing": standing, "subject": subject, "reason": reason.strip()})
    return rows


def decisions(system: System, names: dict[str, dict[str, Any]]) -> dict[str, dict[str, str]]:
    """The newest record of each comment."""
    found: dict[str, dict[str, str]] = {}
    for row in records(system):
        found.setdefault(row["subject"].rpartition(":")[2], row)
    return {comment: found[comment] for comment in names if comment in found}


def print_story(
    names: dict[str, dict[str, Any]], found: dict[str, dict[str, str]], platform: list[dict[str, Any]]
) -> None:
    """What happened to each comment, and why."""
    state = {row["id"]: row for row in platform}
    counts = {"hidden": 0, "proposed": 0, "stays": 0, "gone": 0}
    for comment, line in names.items():
        record, seen = found.get(comment), state[comment]
        if seen["removed"]:
            outcome, why = "gone", "Its author removed it. The record keeps it."
        elif seen["hidden"]:
            outcome, why = "hidden", record["reason"] if record else ""
        elif record and record["standing"] == "proposed":
            outcome, why = "proposed", record["reason"]
        else:
            outcome, why = "stays", ""
        counts[outcome] += 1
        print(f"  {outcome.upper():<9} {line['name']}: {textwrap.shorten(seen['message'], 62)}")
        if why:
            print(textwrap.fill(why, WIDTH, initial_indent=" " * 12, subsequent_indent=" " * 12))
    hides = sum(row["hides"] for row in platform)
    say(
        f"{counts['hidden']} comments are hidden on the page, each once ({hides} hides, provisional until a person"
        f" confirms); {counts['proposed']} wait for a person and stay visible; {counts['stays']} stay;"
        f" {counts['gone']} was removed by its author."
    )


def print_page(channel: Side) -> bool:
    """The messages that were sent to people; True when there is one."""
    messages = wait_for("the page", lambda: channel.get("/control/messages")["messages"], seconds=30)
    messages.sort(key=lambda message: message["inbox"] == "team")
    for message in messages[:1]:
        say(f"And this was sent to {message['inbox']}:")
        print(textwrap.indent(f"{message['title']}\n\n{message['body']}", "  | "))
    if len(messages) > 1:
        more = len(messages) - 1
        say(f"{more} more {'message was' if more == 1 else 'messages were'} sent.")
    return bool(messages)


def stay_up(system: System, graph: Side) -> None:
    """Wait for Ctrl-C."""
    token = (system.folder / "data" / "console-token").read_text().strip()
    say(f"The page: {graph.url}/   The console: {system.url('retention')}/ with the token {token}   Ctrl-C ends it.")
    try:
        signal.pause()
    except KeyboardInterrupt:
        return


def say(text: str) -> None:
    """One paragraph for the person who watches."""
    print("\n" + textwrap.fill(text, WIDTH) + "\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
