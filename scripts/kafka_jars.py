"""
Apache Kafka's jars: fetched by Maven once, kept in `.cache/`, and never used unless they are the expected ones.

`kafka-jars.sha256` lists them all. After raising a version here: remove the folder in `.cache/`, start, compare the new
files with Apache's own checksums, and write the new list with `sha256sum *.jar`.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.processes import CHECKOUT, ServerFailed, found

VERSION = "4.4.0"
CACHE = CHECKOUT / ".cache" / f"kafka-{VERSION}"
HASHES = Path(__file__).with_name("kafka-jars.sha256")

POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>page-moderation</groupId>
  <artifactId>kafka-for-tests</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>2.25.1</version>
    </dependency>
  </dependencies>
</project>
"""


def fetched_jars() -> Path:
    """
    The folder with Kafka's jars, fetched by Maven when it is not there yet, and compared with the committed hashes.

    Raises:
        Missing: Maven is not installed.
        ServerFailed: Maven fails, or a jar is missing or is not the expected one.
    """
    if not CACHE.is_dir():
        CACHE.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="kafka-fetch-", dir=CACHE.parent) as fetching:
            _fetch(Path(fetching))
            _compare(Path(fetching) / "jars")
            try:
                (Path(fetching) / "jars").rename(CACHE)
            except OSError:  # somebody else was faster; theirs is compared below
                if not CACHE.is_dir():
                    raise
    _compare(CACHE)
    return CACHE


def _fetch(directory: Path) -> None:
    (directory / "pom.xml").write_text(POM)
    command = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={directory / 'jars'}"]
    print(f"Fetching Apache Kafka {VERSION} ...", file=sys.stderr)
    done = subprocess.run(
        [found("mvn"), "--batch-mode", "--quiet", *command], cwd=directory, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ServerFailed("Maven cannot fetch Apache Kafka\n" + "\n".join(done.stdout.splitlines()[-15:]))


def _compare(jars: Path) -> None:
    expected = {name: digest for digest, name in map(str.split, HASHES.read_text().splitlines())}
    present = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in sorted(jars.glob("*.jar"))}
    wrong = sorted(name for name in expected.keys() | present.keys() if expected.get(name) != present.get(name))
    if wrong:
        raise ServerFailed(
            f"{jars} differs from {HASHES.name}: {', '.join(wrong)}; remove the folder to fetch it again"
        )
