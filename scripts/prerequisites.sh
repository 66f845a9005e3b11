#!/bin/sh
# Looks for the programs that this repository needs, and installs them where it may.
#
#   sh scripts/prerequisites.sh check   [run|test]     names what is missing, and the one command that installs it
#   sh scripts/prerequisites.sh install [run|test]     also runs that command: as root on Debian or Ubuntu
#
# run:  what `make run` and `make demo` need: Python. test (the default): all.
# A shell script, because Python itself may be what is missing. PYTHON names another interpreter than python3.
# A repeat changes nothing and takes a fraction of a second. Exit status: 0 all there, 1 something is missing.
# What is optional is installed when possible; without it, the tests that need it are skipped (in CI they fail).
set -eu

PYTHON=${PYTHON:-python3}
packages=        # Debian's names of what is missing
optional=        # the same, of what one can do without
missing=         # for people

has() { command -v "$1" >/dev/null 2>&1; }

# need PROGRAM PACKAGE WHAT: note PACKAGE when PROGRAM is not there
need() { has "$1" || { missing="$missing
  $3"; packages="$packages $2"; }; }
may_need() { has "$1" || { missing="$missing
  $3 (optional)"; optional="$optional $2"; }; }

look_for_python() {
    if ! has "$PYTHON"; then
        missing="$missing
  Python 3.11 or later ($PYTHON)"
        packages="$packages python3 python3-venv"
    elif ! "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        missing="$missing
  Python 3.11 or later: $("$PYTHON" --version 2>&1) is too old; with another one beside it: make PYTHON=python3.11"
        packages="$packages python3.11 python3.11-venv"
    elif ! "$PYTHON" -c 'import venv, ensurepip' 2>/dev/null; then
        missing="$missing
  Python's venv with pip"
        packages="$packages $("$PYTHON" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    fi
}

look_for_java() {
    # Its class files: 61 is Java 17. Asking `java -version` would start it, which takes longer than all the rest.
    if java=$(command -v java); then
        release=$(dirname "$(dirname "$(readlink -f "$java")")")/release
        major=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$release" 2>/dev/null || :)
        [ -n "$major" ] || major=$(java -version 2>&1 | sed -n '1s/.*"\([0-9]*\).*/\1/p')
        [ "${major:-0}" -ge 17 ] && return
    fi
    missing="$missing
  Java 17 or later (java), for Apache Kafka"
    packages="$packages JAVA"
}

look_for_postgresql() {
    for initdb in /usr/lib/postgresql/*/bin/initdb; do
        [ -x "$initdb" ] && return
    done
    need initdb postgresql "PostgreSQL (initdb)"
}

look_for_chromium() {
    for browser in chromium chromium-browser google-chrome; do
        has "$browser" && return
    done
    need chromium chromium "Chromium, for the pages' tests"
}

look() {
    missing= packages= optional=
    look_for_python
    [ "$profile" = run ] && return
    look_for_java
    need mvn maven "Maven (mvn), fetches Apache Kafka"
    look_for_postgresql
    look_for_chromium
    need promtool prometheus "Prometheus with promtool, for the alert rules"
    need faketime faketime "faketime, for wrong clocks"
    may_need wrk wrk "wrk, for make bench"
    may_need kubectl kubernetes-client "kubectl, renders the manifests"
}

# Debian and Ubuntu name Java by version: the oldest that is new enough
java_package() {
    for version in 17 21 25; do
        if apt-cache show "openjdk-$version-jre-headless" >/dev/null 2>&1; then
            echo "openjdk-$version-jre-headless"
            return
        fi
    done
    echo default-jre-headless
}

apt_install() {
    # shellcheck disable=SC2086 # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

# Installing a server must not start it: ours are started by the tests, in folders of their own.
keep_servers_off() {
    [ -e /usr/sbin/policy-rc.d ] && return
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
}

install_all() {
    keep_servers_off
    echo "Installing:$packages$optional" | sed "s/ JAVA/ Java/"
    log=$(mktemp)
    # An old list names packages that are gone: fetch it when it is missing, or when installing fails.
    set -- /var/lib/apt/lists/*_Packages*
    [ -e "$1" ] || apt-get update -q >"$log" 2>&1 || :
    if [ -n "$packages" ]; then
        if ! apt_install $(named "$packages") >"$log" 2>&1; then
            apt-get update -q >>"$log" 2>&1 || :
            apt_install $(named "$packages") >>"$log" 2>&1 || { tail -n 20 "$log" >&2; }
        fi
    fi
    for package in $optional; do
        apt_install "$package" >>"$log" 2>&1 || echo "$package cannot be installed; what needs it is skipped" >&2
    done
    rm -f "$log"
}

named() {
    case $1 in
        *JAVA*) echo "$1" | sed "s/JAVA/$(java_package)/" ;;
        *) echo "$1" ;;
    esac
}

command_for_people() {
    all="$packages$optional"
    if has apt-get; then
        echo "apt-get install -y$(named "$all")"
    elif has brew; then
        echo "brew install$all" | sed 's/ JAVA/ openjdk@17/; s/ faketime/ libfaketime/; s/ python3-venv//; s/ kubernetes-client/ kubectl/'
    else
        echo "with your system's package manager:$all" | sed 's/ JAVA/ java-17/'
    fi
}

report() {
    [ -z "$missing" ] && return 0
    echo "Missing:$missing" >&2
    echo "Install with: $(command_for_people)" >&2
    [ -z "$packages" ]
}

action=${1:-check}
profile=${2:-test}
case "$action/$profile" in
    check/run | check/test | install/run | install/test) ;;
    *)
        echo "usage: sh scripts/prerequisites.sh check|install [run|test]" >&2
        exit 2
        ;;
esac

look
if [ "$action" = install ] && [ -n "$packages$optional" ] && [ "$(id -u)" = 0 ] && has apt-get; then
    install_all
    look
fi
report
