#!/bin/sh
# Installs the locked dependencies into a virtual environment. Says one line that helps when it cannot.
set -eu
venv=$1
python=${PYTHON:-python3}

say() { printf '%s\n' "setup: $*" >&2; }
as_root_on_debian() { [ "$(id -u)" = 0 ] && [ -f /etc/debian_version ]; }

command -v "$python" >/dev/null || { say "no $python: apt-get install python3 python3-venv"; exit 1; }
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
case $version in
3.11 | 3.12 | 3.13) ;;
3.[0-9] | 3.10) say "Python $version is too old: 3.11 to 3.13 are tested (make PYTHON=python3.13)"; exit 1 ;;
*) say "Python $version is newer than tested: 3.11 to 3.13 are (make PYTHON=python3.13)"; exit 1 ;;
esac

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  if as_root_on_debian; then
    say "installing python3-venv"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
  else
    say "this Python makes no virtual environments: apt-get install python3-venv"
    exit 1
  fi
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
say "installing the locked dependencies into $venv (Python $version)"
# The lock is whole: pip is to install it, not to resolve it. A resolver asks for `coverage[toml]`, of which the lock
# knows only `coverage`, and takes the newest release, which has no hash here.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
  --requirement requirements/host.lock
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
  --no-build-isolation --editable .
broken=$("$venv/bin/python" -m pip check --disable-pip-version-check) || {
  say "the lock is not whole (make lock): $broken"
  exit 1
}
