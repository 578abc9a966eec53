"""Many connections that say nothing, and what somebody who asks meets meanwhile.

    python benchmarks/silent.py                            # 2,000 connections for two minutes, of this machine
    python benchmarks/silent.py --limited                  # all of them from one address that has a limit
    python benchmarks/silent.py --says "GET / HTTP/1.1"    # half a head instead of nothing

A studio of its own is started. Connections that it closes are opened again at once. Each second `/healthz` is asked
for, in a connection of its own from another address. One line is appended to results/silent.jsonl. Linux only: it
connects from addresses in 127.0.0.0/8, which are this machine and have no limit of connections without `--limited`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import resource
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from independent import record

SERVER = """
import sys
import limner
from limner.studio import server
settings = server.Settings(port=0)
listening = server.listen(settings)
app = server.build([limner.load("avatars")], settings)
print(f"http://127.0.0.1:{listening.getsockname()[1]} draws", file=sys.stderr, flush=True)
server.server(app, unlimited=()).run(sockets=[listening])
"""
ATTACKER, ASKER = "127.0.0.2", "127.0.0.3"


def opened(port: int, says: bytes) -> socket.socket:
    """Open a connection from the address of an attacker."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((ATTACKER, 0))
    one.setblocking(False)
    one.connect_ex(("127.0.0.1", port))
    if says:
        one.settimeout(5)
        with contextlib.suppress(OSError):
            one.sendall(says)
        one.setblocking(False)
    return one


def asked(port: int) -> tuple[int, float]:
    """Ask for `/healthz` from another address; return the status, 0 without an answer, and the milliseconds."""
    began = time.perf_counter()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(ASKER, 0)) as one:
            one.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            status = int(one.recv(4096).split()[1])
    except (OSError, IndexError, ValueError):  # nobody answered
        status = 0
    return status, 1000 * (time.perf_counter() - began)


def held_by(port: int, pid: int) -> int:
    """Return how many connections a server has accepted, by the files that it has open."""
    sockets = {match[1] for fd in os.listdir(f"/proc/{pid}/fd") if (match := _socket(pid, fd))}
    table = Path("/proc/net/tcp").read_text().splitlines()[1:]
    local = f"0100007F:{port:04X}"
    return sum(line.split()[1] == local and line.split()[9] in sockets for line in table)


def _socket(pid: int, fd: str) -> re.Match[str] | None:
    try:
        return re.match(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{fd}"))
    except OSError:
        return None


def attack(port: int, pid: int, options: argparse.Namespace) -> dict[str, Any]:
    """Hold connections, open again what is closed, and ask in between."""
    waiting, says = selectors.DefaultSelector(), options.says.encode()
    opens, closed, answers, milliseconds, held = 0, 0, list[int](), list[float](), list[int]()
    for _ in range(options.connections):
        waiting.register(opened(port, says), selectors.EVENT_READ)
        opens += 1
    end, next_ask = time.monotonic() + options.seconds, time.monotonic()
    while time.monotonic() < end:
        for key, _ in waiting.select(0.05):
            waiting.unregister(key.fileobj)
            key.fileobj.close()  # type: ignore[union-attr]
            waiting.register(opened(port, says), selectors.EVENT_READ)
            opens, closed = opens + 1, closed + 1
            if time.monotonic() > next_ask:
                break
        if time.monotonic() > next_ask:
            status, taken = asked(port)
            answers.append(status)
            milliseconds.append(taken)
            held.append(held_by(port, pid))
            next_ask = time.monotonic() + 1
    for key in list(waiting.get_map().values()):
        key.fileobj.close()  # type: ignore[union-attr]
    return {
        "opened": opens,
        "closed_by_the_studio": closed,
        "held_at_most": max(held),
        "asked": len(answers),
        "answered": answers.count(200),
        "median_milliseconds": round(statistics.median(milliseconds), 1),
        "longest_milliseconds": round(max(milliseconds), 1),
    }


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=2_000)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--says", default="", help="what each of them sends")
    parser.add_argument("--limited", action="store_true", help="let the limit of an address hold for this machine")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w+") as log:
        command = [sys.executable, "-m", "limner", "studio", "avatars", "--port", "0"]
        command += ["--database", f"{folder}/gallery.sqlite"]
        if options.limited:
            command = [sys.executable, "-c", SERVER]
        server = subprocess.Popen(command, stderr=log)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2 * options.connections + 1_000), hard))
        try:
            while not (found := re.search(r"http://127.0.0.1:(\d+)", Path(log.name).read_text())):
                time.sleep(0.1)
            port = int(found[1])
            while asked(port)[0] != 200:
                time.sleep(0.2)
            before = Path(log.name).stat().st_size
            numbers = attack(port, server.pid, options)
        finally:
            server.terminate()
            server.wait(60)
        numbers["log_bytes"] = Path(log.name).stat().st_size - before
    about = {"connections": options.connections, "seconds": options.seconds, "says": options.says}
    about["limited"] = options.limited
    record("silent", **about, **numbers)
    print(json.dumps(about | numbers))


if __name__ == "__main__":
    main()
