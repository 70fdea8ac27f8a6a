"""Three servers on one store, and a trial of one application on them while servers are killed."""

import os
import random
import signal
import subprocess
import threading
import time

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

# Seconds after which a trial has done its operations, even on a machine that is busy with other things.
PATIENCE = 150

# Seconds that a server may take to serve, and to stop.
START, STOP = 60, 60

# Seconds that a client waits for a reply. Servers answer within 1.9 seconds, except when they are killed.
REPLY = 10


class Violation(Exception):
    """An application saw what no correct database can show."""


def demand(holds, text):
    if not holds:
        raise Violation(text)


class Unclear(Exception):
    """The command has happened, or has not, or may still happen."""


class Refused(Exception):
    """Nothing happened, and nothing will."""


# What an application has to expect while servers die.
TROUBLE = (redis.RedisError, OSError)


def sort_out(error):
    """The class of an error of redis-py, by the table of the README. Raises an error that is no trouble of a server."""
    text = str(error)
    if isinstance(error, redis.WatchError):
        # redis-py also raises this error when the connection breaks during EXEC.
        return Unclear if "Error occurred" in text else Refused
    if isinstance(error, (redis.BusyLoadingError, redis.exceptions.TryAgainError)):
        return Refused
    if isinstance(error, redis.ConnectionError) and "connecting to" in text:
        return Refused
    if isinstance(error, (redis.ConnectionError, redis.TimeoutError, OSError)) or text.startswith("UNCERTAIN"):
        return Unclear
    if text.startswith("TRYAGAIN"):
        return Refused
    raise error


def client(address, **how):
    """A client that sends each command once. By default, redis-py 6 and later send commands again when a connection breaks."""
    host, port = address.rsplit(":", 1)
    how = {"socket_timeout": REPLY, "decode_responses": True, "retry": Retry(NoBackoff(), 0)} | how
    return redis.Redis(host, int(port), **how)


class Roaming:
    """The client of a worker. When its server is in trouble, it moves to any server."""

    def __init__(self, cluster, drawn, **how):
        self.clients = [client(address, **how) for address in cluster.addresses]
        self.drawn = drawn
        self.redis = drawn.choice(self.clients)

    def move(self):
        self.redis = self.drawn.choice(self.clients)
        time.sleep(0.05)

    def call(self, command):
        """Calls `command(redis)`. Raises Refused or Unclear if the server is in trouble."""
        try:
            return command(self.redis)
        except TROUBLE as error:
            kind = sort_out(error)
            self.move()
            raise kind(str(error)) from error

    def insist(self, command):
        """Calls `command(redis)` until it succeeds. It must do no harm to call it twice."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return self.call(command)
            except (Refused, Unclear):
                if time.monotonic() > until:
                    raise


class Server:
    """A server, through all its restarts."""

    def __init__(self, binary, folder, port):
        self.address = f"127.0.0.1:{port}"
        self.command = [binary, "--listen", self.address, "--store", str(folder / "store")]
        self.log = folder / f"server-{port}.log"
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def kill(self):
        if (status := self.process.poll()) is not None:
            raise RuntimeError(f"the server on {self.address} ended by itself with status {status}: see {self.log}")
        self.process.kill()
        self.process.wait()


class Cluster:
    """The servers, or servers that somebody else runs and that are never killed."""

    def __init__(self, binary, folder, port, against):
        self.servers = [] if against else [Server(binary, folder, port + number) for number in range(3)]
        self.addresses = against or [server.address for server in self.servers]

    def start(self):
        for server in self.servers:
            server.start()
        self.serve()

    def serve(self):
        """Waits until every server has answered a write. Then no write from before can land any more."""
        until = time.monotonic() + START
        for address in self.addresses:
            while True:
                try:
                    client(address).set("served", address)
                    break
                except TROUBLE as error:
                    if time.monotonic() > until:
                        raise RuntimeError(f"{address} does not serve within {START} s: {error}") from error
                    time.sleep(0.05)

    def stop(self):
        """Stops the servers as an operator would."""
        self.serve()
        for server in self.servers:
            server.process.send_signal(signal.SIGTERM)
        for server in self.servers:
            if (status := server.process.wait(STOP)) != 0:
                raise RuntimeError(f"the server on {server.address} stopped with status {status}: see {server.log}")

    def end(self):
        for server in self.servers:
            if server.process and server.process.poll() is None:
                server.process.kill()
                server.process.wait()

    def lacks(self, commands):
        """Those of the commands that the servers do not know."""
        self.serve()
        if not commands:
            return []
        known = {name.upper() for name in client(self.addresses[0]).command_list()}
        return [command for command in commands if command not in known]


class Kills(threading.Thread):
    """Kills one server after the other with SIGKILL, and starts each again."""

    def __init__(self, cluster, seed):
        super().__init__(daemon=True)
        self.servers = cluster.servers
        self.drawn = random.Random(seed)
        self.over = threading.Event()
        self.number = 0
        self.failed = None

    def run(self):
        try:
            while self.servers and not self.over.wait(self.drawn.uniform(0.2, 1.5)):
                server = self.drawn.choice(self.servers)
                server.kill()
                self.number += 1
                self.over.wait(self.drawn.choice([0, 0, 0.3, 1]))
                server.start()
        except Exception as error:
            self.failed = error

    def stop(self):
        self.over.set()
        if self.ident is not None:
            self.join()
        if self.failed:
            raise self.failed


class Trial:
    """One application, for as long as it takes to do its operations and to see its kills."""

    def __init__(self, cluster, name, seed, operations, kills):
        self.cluster = cluster
        self.seed = f"{seed} {name}"
        self.operations = operations
        self.enough = kills if cluster.servers else 0
        self.kills = Kills(cluster, self.seed)
        self.done = 0
        self.over = threading.Event()  # a worker has failed, so the others need not go on
        self.lock = threading.Lock()
        self.until = time.monotonic() + PATIENCE

    def going(self):
        """Whether workers go on. Raises an error if they have not come far in all the time."""
        enough = self.done >= self.operations and self.kills.number >= self.enough
        if enough or self.over.is_set():
            return False
        if self.kills.failed:
            raise self.kills.failed
        if time.monotonic() > self.until:
            raise RuntimeError(f"only {self.done} operations and {self.kills.number} kills within {PATIENCE} s")
        return True

    def did(self, operations=1):
        with self.lock:
            self.done += operations

    def drawn(self, worker):
        return random.Random(f"{self.seed} {worker}")

    def roaming(self, worker, **how):
        return Roaming(self.cluster, self.drawn(worker), **how)

    def work(self, number, worker):
        """Runs `worker(0)`, `worker(1)`, ... in threads of their own, and raises the first error of one."""
        errors = []

        def run(which):
            try:
                worker(which)
            except BaseException as error:
                errors.append(error)
                self.over.set()

        threads = [threading.Thread(target=run, args=(which,), daemon=True) for which in range(number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * PATIENCE)
        if errors:
            raise errors[0]
        if any(thread.is_alive() for thread in threads):
            raise RuntimeError("a worker hangs")

    def calm(self):
        """Ends the kills. Then every server serves, and nothing from before is under way."""
        self.kills.stop()
        self.cluster.serve()

    def run(self, check):
        client(self.cluster.addresses[0]).flushall()
        if self.enough:
            self.kills.start()
        try:
            check(self)
        finally:
            if not self.kills.over.is_set():
                self.kills.stop()


def quiet():
    """Leaves out what libraries log and print about the trouble that they are in."""
    import logging
    import warnings

    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    os.environ.setdefault("dramatiq_restart_delay", "100")
