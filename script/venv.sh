# Makes .venv and installs pinned requirements; sourced by script/server and script/test.

unset PYTHONDONTWRITEBYTECODE # each process of the group would compile all of Twofold anew

fail() {
  echo "twofold: $*" >&2
  exit 1
}

# Prints a Python that is new enough. PYTHON names one; else the usual names are tried.
find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  fail "Python 3.11 or newer is needed, found $(${PYTHON:-python3} --version 2>&1 | tail -n 1): install one, or name it in PYTHON."
}

# A child that ends with this script, however that ends, where the system can do it.
bound() {
  if setpriv --pdeathsig KILL true 2>/dev/null; then
    setpriv --pdeathsig KILL "$@"
  else
    "$@"
  fi
}

# A .venv that works and is complete: pip's own program is the last thing that venv writes.
has_venv() {
  .venv/bin/python -c '' 2>/dev/null && { command -v uv >/dev/null || [ -x .venv/bin/pip ]; }
}

make_venv() {
  local python
  if has_venv; then return; fi
  python=$(find_python) || exit 1
  [ -w . ] || fail "Cannot write in $PWD, where .venv belongs: make it writable."
  if command -v uv >/dev/null; then
    bound uv venv --quiet --clear --python "$python" .venv || fail "uv cannot make .venv (see above)."
  elif "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    bound "$python" -m venv --clear .venv || fail "$python cannot make .venv (see above)."
  else
    fail "Python's venv module is missing: apt-get install python3-venv (or install uv)."
  fi
}

# install FILE ...: only what changed since the last time; files are complete, so nothing is resolved.
install() {
  local file stamp changed=()
  for file in "$@"; do
    stamp=".venv/.installed-$file"
    cmp -s "$file" "$stamp" || changed+=(-r "$file")
  done
  [ ${#changed[@]} -gt 0 ] || return 0
  echo "Installing packages into .venv"
  if command -v uv >/dev/null; then
    bound uv pip install --quiet --no-deps --compile-bytecode --python .venv/bin/python "${changed[@]}"
  else
    bound .venv/bin/python -m pip install --quiet --no-deps --use-pep517 --disable-pip-version-check --no-input "${changed[@]}"
  fi || fail "The packages of $* could not be installed (see above)."
  for file in "$@"; do cp "$file" ".venv/.installed-$file"; done
}
