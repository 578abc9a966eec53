#!/usr/bin/env bash
# Run a command beside a PostgreSQL server of its own, which is gone afterwards:
#
#     tests/studio/postgres.sh .venv/bin/pytest tests/studio
#
# The command finds the server's URL in LIMNER_TEST_DATABASE. On Debian: apt-get install postgresql
set -euo pipefail

programs=${POSTGRES_BIN:-$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)}
if [[ -z $programs || ! -x $programs/initdb ]]; then
    echo "no PostgreSQL server here: apt-get install postgresql, or name its programs in POSTGRES_BIN" >&2
    exit 2
fi

folder=$(mktemp -d)
if [[ $(id -u) -eq 0 ]]; then # the server refuses to run as root; its package brings a user for it
    chown postgres "$folder"
    PATH=$PATH:/usr/sbin:/sbin # which root lacks after a plain `su`
    as_server() { (cd "$folder" && runuser -u postgres -- "$@"); }
else
    as_server() { "$@"; }
fi

stop() {
    as_server "$programs/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap stop EXIT

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
as_server "$programs/initdb" -D "$folder/data" -U limner -A trust -E UTF8 --no-locale >"$folder/log" 2>&1 ||
    { cat "$folder/log" >&2; exit 1; }
as_server "$programs/pg_ctl" -D "$folder/data" -l "$folder/data/log" -w start \
    -o "-h 127.0.0.1 -p $port -k $folder" >>"$folder/log" 2>&1 ||
    { cat "$folder/log" "$folder/data/log" >&2; exit 1; }

export LIMNER_TEST_DATABASE="postgresql://limner@127.0.0.1:$port/postgres"
"$@"
