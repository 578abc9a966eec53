#!/usr/bin/env bash
# Run a command, the tests, with what they need that is no Python package: a browser, and a PostgreSQL server beside:
#
#     tests/programs.sh .venv/bin/python -m pytest
#
# What is missing is installed where that needs nobody's leave: from Debian's packages, by root. Elsewhere one line says
# what is missing, and its tests are skipped; with CI=true they fail. LIMNER_BROWSER and POSTGRES_BIN name others.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")

browser() {
    local name
    [[ -n ${LIMNER_BROWSER:-} ]] && return
    for name in chromium chromium-browser google-chrome; do command -v "$name" >/dev/null && return; done
    return 1
}
database() {
    [[ -n ${LIMNER_TEST_DATABASE:-} || -n ${POSTGRES_BIN:-} ]] || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}
missing() {
    local found=()
    browser || found+=(chromium)
    database || found+=(postgresql)
    echo "${found[*]}"
}

if [[ -n $(missing) && $(id -u) -eq 0 ]] && command -v apt-get >/dev/null; then
    echo "Installing what tests need: $(missing)" >&2
    log=$(mktemp) PATH=$PATH:/usr/sbin:/sbin # which root lacks after a plain `su`
    # shellcheck disable=SC2046 (one word for each package)
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $(missing); } \
        >"$log" 2>&1 || tail -n 3 "$log" >&2
    rm -f "$log"
fi
if [[ -n $(missing) ]]; then
    echo "Missing: $(missing). Their tests are skipped; on Debian: apt-get install $(missing)" >&2
fi

if database && [[ -z ${LIMNER_TEST_DATABASE:-} ]]; then
    exec "$here/studio/postgres.sh" "$@"
fi
exec "$@"
