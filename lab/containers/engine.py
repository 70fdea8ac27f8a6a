"""Runs the cluster of containers for its tests. Every command of Docker is bounded in time."""

import contextlib
import os
import pathlib
import socket
import subprocess
import tempfile
import time

LAYERS = pathlib.Path(__file__).resolve().parent
TOP = LAYERS.parent.parent
SERVERS = {"valthree0": 6379, "valthree1": 6380, "valthree2": 6381}
STORE, PROXY, WORKLOAD = "valthree-minio", "valthree-proxy", "valthree-workload"
MISTAKEN, CARELESS = "valthree-mistaken", "valthree-careless"
PORTS = [*SERVERS.values(), 9000, 9001]
COMPOSE = [["docker", "compose"], ["docker-compose"]]

# Bounds in seconds. Normally everything is much faster.
BUILD, START, RECOVERY, COMMAND = 2400, 600, 300, 600

# The exit status of a container that did not stop in time, so Docker killed it.
KILLED = "137"

# How much output of a failed command is shown, in characters.
SHOWN = 6000


class Wrong(Exception):
    """The cluster misbehaved; the text says how."""


def say(text):
    print(f"== {text}", flush=True)


def ask(*command, within=COMMAND, check=True, **more):
    """Runs a command and returns its output."""
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        try:
            status = subprocess.run(
                command, cwd=TOP, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, timeout=within, **more
            ).returncode
        except subprocess.TimeoutExpired:
            status = f"none within {within} s"
        output.seek(0)
        printed = output.read().strip()
    if check and status != 0:
        raise Wrong(f"{' '.join(command)}: status {status}\n{printed[-SHOWN:]}")
    return printed


def succeeds(*command, within=COMMAND):
    try:
        return subprocess.run(command, cwd=TOP, stdin=subprocess.DEVNULL, capture_output=True, timeout=within).returncode == 0
    except (subprocess.TimeoutExpired, FileNotFoundError):
        return False


def end_of(log):
    return f"{log} ends with\n{pathlib.Path(log).read_text(errors='replace')[-SHOWN:]}"


def timed(what, act):
    began = time.monotonic()
    act()
    say(f"{what} after {time.monotonic() - began:.0f} s")


def eventually(what, within, holds):
    """Waits until the condition holds, and returns how long that took."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > within:
            raise Wrong(f"did not happen within {within} s: {what}")
        time.sleep(0.2)
    return time.monotonic() - began


class Cluster:
    """The compose file, and the files on top of it."""

    def __init__(self, folder):
        self.folder = folder
        self.assertions = folder / "assertions"
        self.tool = next(tool for tool in COMPOSE if succeeds(*tool, "version"))
        self.layers = []

    def compose(self, *arguments, within=COMMAND, check=True):
        files = ["docker-compose.yaml", *(str(LAYERS / layer) for layer in self.layers)]
        named = [word for file in files for word in ("--file", file)]
        # Compose 1 waits only a minute for an engine, which may be busy.
        environment = dict(os.environ, VALTHREE_ASSERTIONS=str(self.assertions), COMPOSE_HTTP_TIMEOUT=str(COMMAND))
        return ask(*self.tool, "--project-name", "valthree", *named, *arguments, within=within, check=check, env=environment)

    def build(self, store, profile):
        timed("the base images are present", lambda: ask("scripts/base-images", within=BUILD))
        minio = next(line.split()[1] for line in (TOP / "docker-compose.yaml").open() if "image: quay.io/minio/" in line)
        if store == "ceph" or not (succeeds("docker", "image", "inspect", minio) or succeeds("docker", "pull", "--quiet", minio)):
            if store == "minio":
                raise Wrong(f"cannot pull {minio}")
            self.layers.append("ceph.yaml")
        lab = ["docker", "build", "--file", str(LAYERS / "Dockerfile"), "--tag", "valthree-lab", "."]
        timed("the image of the test tools is built", lambda: ask(*lab, within=BUILD))
        timed("the image is built", lambda: self.compose("build", "--build-arg", f"PROFILE={profile}", within=BUILD))
        size = int(ask("docker", "image", "inspect", "--format", "{{.Size}}", "valthree:latest"))
        say(f"the image has {size / 1e6:.0f} MB (profile {profile}); the store is {'Ceph' if self.layers else 'MinIO'}")

    def up(self):
        timed("all containers are up", lambda: self.compose("up", "--detach", within=START))

    def stop(self):
        """Stops all containers, and returns those that Docker had to kill."""
        self.compose("stop", "--timeout", str(COMMAND // 2))
        statuses = {c: ask("docker", "inspect", "--format", "{{.State.ExitCode}}", c) for c in (STORE, *SERVERS, WORKLOAD)}
        return [container for container, status in statuses.items() if status == KILLED]

    def down(self, *more):
        self.compose("down", *more, within=START)

    def clear(self):
        """Removes everything, also of an earlier run that broke off."""
        for container in (STORE, PROXY, *SERVERS):
            succeeds("docker", "unpause", container)
        succeeds("docker", "rm", "--force", MISTAKEN, CARELESS)
        self.down("--volumes", "--remove-orphans")

    def keep_logs(self, name):
        """Saves the logs and the workload's files."""
        succeeds("docker", "cp", f"{WORKLOAD}:/var/lib/valthree", str(self.folder / f"{name}.workload"))
        (self.folder / f"{name}.log").write_text(self.compose("logs", "--no-color", "--timestamps", check=False))

    def show_logs(self):
        """Prints the end of each log, for readers who have only this output."""
        for container in ask("docker", "ps", "--all", "--filter", "name=valthree", "--format", "{{.Names}}").split():
            print(f"-- {container}, {health(container)}\n{ask('docker', 'logs', '--tail', '15', container)}", flush=True)

    def needs_its_ports(self):
        """Fails early if a port is in use. Docker would notice only after the build."""
        for port in PORTS:
            with socket.socket() as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    listener.bind(("127.0.0.1", port))
                except OSError:
                    raise Wrong(f"port {port} of 127.0.0.1 is in use") from None


def health(container):
    state = "{{.State.Status}}{{if .State.Health}}, {{.State.Health.Status}}{{end}}"
    return ask("docker", "inspect", "--format", state, container)


def complaint(container):
    """The output of a container's last health check."""
    checks = ask("docker", "inspect", "--format", "{{range .State.Health.Log}}{{println .Output}}{{end}}", container)
    return [line for line in checks.splitlines() if line][-1]


def answers(server, *command):
    """Runs redis-cli in a server's container. Returns whether it succeeded, and its output."""
    ran = subprocess.run(
        ["docker", "exec", server, "redis-cli", "-e", *command], capture_output=True, text=True, timeout=COMMAND
    )
    return ran.returncode == 0, (ran.stdout + ran.stderr).strip()


def reads(server):
    return answers(server, "GET", "anything")[0]


def from_the_host(port, request):
    """Sends a request from the host until the server answers it. A busy server may refuse it at first."""
    replies = []

    def is_answered():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(request)
            replies.append(connection.recv(100))
        return replies and not replies[-1].startswith((b"-TRYAGAIN", b"-UNCERTAIN"))

    eventually(f"the server on port {port} answers", RECOVERY, is_answered)
    return replies[-1]
