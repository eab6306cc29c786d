# shellcheck shell=bash
# What the makers of images share. Sourced.

say() { echo "$*" >&2; }

fail() { # MESSAGE
  echo "$*" >&2
  exit 1
}

# Says which Debian package has a program that is missing.
need() { # PROGRAM PACKAGE...
  local missing=()
  while [ $# -gt 0 ]; do
    command -v "$1" >/dev/null || missing+=("$1 (apt-get install $2)")
    shift 2
  done
  [ ${#missing[@]} -eq 0 ] || fail "This machine cannot make images yet, these programs are missing: ${missing[*]}"
}

# A UUID (RFC 9562, version 8) that is always the same for the same texts.
uuid_of() { # TEXT...
  local hex
  hex=$(printf '%s\0' "$@" | sha256sum)
  printf '%s-%s-8%s-a%s-%s\n' "${hex:0:8}" "${hex:8:4}" "${hex:12:3}" "${hex:15:3}" "${hex:18:12}"
}
