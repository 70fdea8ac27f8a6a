"""Runs the trials. scripts/test-applications has the usage."""

import argparse
import pathlib
import random
import shutil
import signal
import sys
import time

sys.dont_write_bytecode = True

from trial import Cluster, Trial, Violation, quiet

import benchmark
import caches
import plain
import queues

# Name, trial, operations, kills, and the commands that the application needs and that servers may lack.
TRIALS = [
    ("redis-py-locks", plain.locks, 100, 5, []),
    ("redis-py-transactions", plain.transfers, 300, 5, []),
    ("redis-py-pipelines", plain.pipelines, 1500, 5, []),
    ("django-redis", caches.django_redis, 600, 5, []),
    ("limits", caches.limits, 900, 5, []),
    ("flask-session", caches.flask_session, 200, 5, []),
    ("dogpile-cache", caches.dogpile, 400, 5, []),
    ("pottery", caches.pottery, 200, 5, []),
    ("huey", queues.huey, 200, 5, []),
    ("arq", queues.arq, 150, 5, []),
    ("dramatiq", queues.dramatiq, 150, 5, []),
    ("rq", queues.rq, 100, 3, ["SUBSCRIBE", "XADD"]),
    ("celery", queues.celery, 100, 3, ["BRPOP", "PUBLISH", "SUBSCRIBE"]),
    ("redis-benchmark", benchmark.redis_benchmark, 1, 0, []),
]


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/test-applications")
    parser.add_argument("--binary", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=21700)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--only")
    parser.add_argument("--against", metavar="ADDRESSES")
    flags = parser.parse_args()
    flags.chosen = [trial for trial in TRIALS if flags.only in (None, trial[0])]
    if not flags.chosen:
        parser.error(f"no such trial; there are {', '.join(trial[0] for trial in TRIALS)}")
    return flags


def judge(cluster, seed, name, check, operations, kills, needs):
    """Runs a trial and prints its line. Whether nothing was wrong."""
    if lacking := cluster.lacks(needs):
        print(f"{name}: skipped, since the servers lack {', '.join(lacking)}", flush=True)
        return True
    began, trial = time.monotonic(), Trial(cluster, name, seed, operations, kills)
    try:
        trial.run(check)
    except Violation as violation:
        print(f"{name}: VIOLATED: {violation}")
    except Exception as error:
        print(f"{name}: FAILED: {error!r}")
        sys.excepthook(*sys.exc_info())
    else:
        print(f"{name}: passed ({trial.done} operations, {trial.kills.number} kills, {time.monotonic() - began:.0f} s)", flush=True)
        return True
    print(f"To repeat it: scripts/test-applications --seed {seed} --only {name}", flush=True)
    return False


def main():
    flags = arguments()
    quiet()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    shutil.rmtree(flags.folder, ignore_errors=True)
    flags.folder.mkdir(parents=True)
    against = flags.against.split(",") if flags.against else None
    cluster = Cluster(flags.binary, flags.folder, flags.port, against)
    print(f"seed {flags.seed}; the seed decides commands and kills, but not the timing of processes", flush=True)
    try:
        cluster.start()
        fine = [judge(cluster, flags.seed, *trial) for trial in flags.chosen]
        cluster.stop()
    finally:
        cluster.end()
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
