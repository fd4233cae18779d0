"""How many requests a second does a served run answer, and how long does one wait?

    python benchmarks/serving.py saved/RUN_ID [--seconds 10] [--connections 16] [--threads N]

Starts ``recbole-drepmrec serve`` on a free port of this machine and asks over several connections,
each of which asks again as soon as it is answered; users and items are drawn at random. The client
is a process of its own on the same cores. An answer other than 200 counts as an error.
"""

import argparse
import asyncio
import importlib.metadata
import json
import os
import platform
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from recbole_drepmrec.inference import Recommender

Make = Callable[[random.Random], bytes]


def questions(run: Path) -> dict[str, Make]:
    """Name to what makes a request at random."""
    found = Recommender.load(run)
    users, items = [str(one) for one in found.users], [str(one) for one in found.items]
    words = [word for place in range(len(items)) for word in found.bundle.title(place).split()]
    plain = [word for word in words if word.isalpha() and word.isascii()] or ["a"]

    def posted(path: str, make: Callable[[random.Random], dict[str, Any]]) -> Make:
        return lambda draw: request("POST", path, json.dumps(make(draw)).encode())

    return {
        "recommend, a user, k = 10": posted(
            "/recommend", lambda draw: {"user": draw.choice(users)}
        ),
        "recommend, 20 items, k = 10": posted(
            "/recommend", lambda draw: {"history": draw.sample(items, min(20, len(items)))}
        ),
        "similar, an item, k = 10": posted(
            "/similar", lambda draw: {"items": [draw.choice(items)]}
        ),
        "explain": posted(
            "/explain", lambda draw: {"user": draw.choice(users), "item": draw.choice(items)}
        ),
        "items, a word, 5 neighbours": lambda draw: request(
            "GET", f"/items?search={draw.choice(plain)}"
        ),
    }


def request(method: str, path: str, body: bytes = b"") -> bytes:
    """A request as it goes over the line."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def ask(port: int, make: Make, draw: random.Random, end: float) -> tuple[list[float], int]:
    """One connection until a time: seconds of each answer, and how many were errors."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took, errors = [], 0
    while time.perf_counter() < end:
        question = make(draw)
        start = time.perf_counter()
        writer.write(question)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        took.append(time.perf_counter() - start)
        errors += not head.startswith(b"HTTP/1.1 200")
    writer.close()
    return took, errors


async def load(port: int, make: Make, connections: int, seconds: float) -> str:
    """Ask for some seconds, and say what came of it."""
    start = time.perf_counter()
    draws = [random.Random(n) for n in range(connections)]
    found = await asyncio.gather(*(ask(port, make, draw, start + seconds) for draw in draws))
    passed = time.perf_counter() - start
    took = np.concatenate([times for times, _ in found]) * 1000
    p50, p99 = np.percentile(took, [50, 99])
    errors = sum(wrong for _, wrong in found)
    return f"{len(took) / passed:,.0f} | {p50:.1f} | {p99:.1f} | {errors}"


def served(run: Path, threads: int) -> tuple[subprocess.Popen[str], int]:
    """The server, and its port."""
    program = "import sys; from recbole_drepmrec.cli import main; sys.exit(main())"
    words = ["serve", str(run), "--port=0", f"--threads={threads}"]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline().rpartition(":")[2].partition(";")[0])


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--threads", type=int, default=joblib.cpu_count())
    options = parser.parse_args()
    kinds = questions(options.run)
    process, port = served(options.run, options.threads)
    packages = ("torch", "fastapi", "uvicorn")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    print(
        f"{platform.machine()}, {joblib.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", end="; "
    )
    print(f"Python {platform.python_version()}, {versions}")
    print(f"{options.connections} connections, {options.threads} threads, {options.run.name}\n")
    print("| question | requests/s | p50 ms | p99 ms | errors |\n|---|---|---|---|---|")
    try:
        for name, make in kinds.items():
            asyncio.run(load(port, make, options.connections, 1))  # warm
            told = asyncio.run(load(port, make, options.connections, options.seconds))
            print(f"| {name} | {told} |", flush=True)
    finally:
        process.send_signal(signal.SIGTERM)
        print(f"\nexit code {process.wait(60)}")


if __name__ == "__main__":
    main()
