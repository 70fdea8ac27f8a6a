"""redis-benchmark with all its tests, on each server. Servers are not killed: the program ends at the first lost connection."""

import re
import subprocess

from trial import demand

# The tests of redis-benchmark 7.0 without -t, in its order.
TESTS = [
    "PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "LPUSH", "RPUSH", "LPOP", "RPOP", "SADD", "HSET", "SPOP", "ZADD", "ZPOPMIN",
    "LPUSH (needed to benchmark LRANGE)", "LRANGE_100 (first 100 elements)", "LRANGE_300 (first 300 elements)",
    "LRANGE_500 (first 500 elements)", "LRANGE_600 (first 600 elements)", "MSET (10 keys)",
]  # fmt: skip


def redis_benchmark(trial):
    """Every test of redis-benchmark has a result on each server, all three at the same time, and no command gets an error."""

    def worker(number):
        host, port = trial.cluster.addresses[number].rsplit(":", 1)
        command = ["redis-benchmark", "-h", host, "-p", port, "-n", "500", "-c", "20", "-P", "4", "-r", "1000", "--csv"]
        ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        demand(ran.returncode == 0, f"redis-benchmark ended with status {ran.returncode}: {ran.stderr or ran.stdout}")
        # It ends at the first error of a server, and warns when CONFIG GET fails.
        demand(not ran.stderr, f"redis-benchmark complains: {ran.stderr}")
        results = re.findall(r'^"([^"]+)","([\d.]+)"', ran.stdout, re.MULTILINE)
        demand([name for name, _ in results] == TESTS, f"these tests have results: {results}")
        demand(all(float(rate) > 0 for _, rate in results), f"a test did nothing: {results}")
        trial.did(500 * len(TESTS))

    trial.work(len(trial.cluster.addresses), worker)
