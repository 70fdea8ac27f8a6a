"""Trials of job queues. Their consumers run in this process, one for each server."""

import asyncio
import collections
import logging
import threading
import time

import redis

from trial import PATIENCE, TROUBLE, Refused, Unclear, client, demand, sort_out


def enqueue_all(trial, producers, enqueue):
    """Has workers call `enqueue(producer, name)` for new names. Returns the acknowledged names and those of unknown fate."""
    acknowledged, unclear, guard = set(), set(), threading.Lock()

    def worker(number):
        drawn, count = trial.drawn(number), 0
        while trial.going():
            count += 1
            name = f"{number}.{count}"
            try:
                enqueue(drawn.choice(producers), name)
            except TROUBLE as error:
                if sort_out(error) is Unclear:
                    with guard:
                        unclear.add(name)
                time.sleep(0.05)
                continue
            with guard:
                acknowledged.add(name)
            trial.did()
            time.sleep(0.01)

    trial.work(3, worker)
    return acknowledged, unclear


def wait_until(done, text):
    until = time.monotonic() + PATIENCE
    while not done():
        demand(time.monotonic() < until, text())
        time.sleep(0.1)


def huey(trial):
    """Huey delivers each task at most once. A task may only be lost with the reply of a server that was killed."""
    from huey import RedisHuey

    runs, errors, guard = collections.Counter(), [], threading.Lock()

    class Errors(logging.Handler):
        def emit(self, record):
            if "reading from queue" in record.getMessage():
                errors.append(record)

    log = logging.getLogger("huey.consumer")
    log.handlers, log.propagate = [Errors()], False
    apps = []
    for address in trial.cluster.addresses:
        host, port = address.rsplit(":", 1)
        app = RedisHuey("trial", host=host, port=int(port), blocking=False, results=False)

        def work(name):
            with guard:
                runs[name] += 1

        apps.append((app, app.task(name="work")(work)))
    logging.disable(logging.NOTSET)
    try:
        over = threading.Event()

        def consume(app):
            consumer = app.create_consumer(workers=1, periodic=False, initial_delay=0.02, max_delay=0.05)
            worker = consumer._create_worker()
            while not over.is_set():
                worker.loop()

        threads = [threading.Thread(target=consume, args=(app,), daemon=True) for app, _ in apps]
        for thread in threads:
            thread.start()
        acknowledged, unclear = enqueue_all(trial, apps, lambda app, name: app[1](name))
        trial.calm()
        wait_until(lambda: len(apps[0][0]) == 0, lambda: f"{len(apps[0][0])} tasks stay in the queue")
        over.set()
        for thread in threads:
            thread.join()
    finally:
        logging.disable(logging.CRITICAL)
    twice = [name for name, times in runs.items() if times > 1]
    demand(not twice, f"tasks ran twice: {twice[:5]}")
    demand(runs.keys() <= acknowledged | unclear, "a task ran that was refused")
    lost = acknowledged - runs.keys()
    demand(len(lost) <= len(errors), f"{len(lost)} tasks are lost, with {len(errors)} errors: {sorted(lost)[:5]}")


def arq(trial):
    """arq runs each job at least once, and never twice at the same time: its workers exclude each other with WATCH."""
    import arq.connections
    import arq.worker

    running, runs, together, guard = set(), collections.Counter(), [], threading.Lock()

    async def work(_, name):
        with guard:
            if name in running:
                together.append(name)
            running.add(name)
            runs[name] += 1
        await asyncio.sleep(0.01)
        with guard:
            running.discard(name)

    def settings(address):
        host, port = address.rsplit(":", 1)
        return arq.connections.RedisSettings(host=host, port=int(port), conn_retries=200, conn_retry_delay=0.05)

    async def one(address, name):
        pool = await arq.connections.create_pool(settings(address))
        try:
            if await pool.enqueue_job("work", name, _job_id=name) is None:
                # arq takes a connection that breaks during EXEC for a job that somebody else has put there.
                raise redis.ConnectionError("arq does not know whether the job is there")
        finally:
            await pool.aclose()

    over = threading.Event()

    def consume(address):
        """Runs a worker, and another one when it fails, as a supervisor of processes would."""

        async def worker():
            made = arq.worker.Worker(
                [arq.worker.func(work, name="work", keep_result=0, timeout=2)],
                redis_settings=settings(address), handle_signals=False, poll_delay=0.05, burst=False, health_check_interval=3600,
            )  # fmt: skip
            running = asyncio.ensure_future(made.async_run())
            while not over.is_set() and not running.done():
                await asyncio.sleep(0.05)
            running.cancel()
            try:
                await running
            except (asyncio.CancelledError, *TROUBLE):
                pass
            try:
                await made.close()
            except TROUBLE:
                pass

        while not over.is_set():
            asyncio.run(worker())

    threads = [threading.Thread(target=consume, args=(address,), daemon=True) for address in trial.cluster.addresses]
    for thread in threads:
        thread.start()
    try:
        acknowledged, unclear = enqueue_all(trial, trial.cluster.addresses, lambda address, name: asyncio.run(one(address, name)))
        trial.calm()
        left = client(trial.cluster.addresses[0])
        # The job of a worker that failed is free again when its mark expires, after 12 seconds.
        wait_until(lambda: left.zcard("arq:queue") == 0, lambda: f"{left.zcard('arq:queue')} jobs stay in the queue")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    demand(not together, f"two workers ran one job at the same time: {together[:5]}")
    demand(runs.keys() <= acknowledged | unclear, "a job ran that was refused")
    lost = acknowledged - runs.keys()
    demand(not lost, f"jobs were lost: {sorted(lost)[:5]}")


def dramatiq(trial):
    """Dramatiq delivers each message at least once, by Lua scripts."""
    import dramatiq
    from dramatiq.brokers.redis import RedisBroker
    from dramatiq.errors import ConnectionError as BrokerError

    runs, guard = collections.Counter(), threading.Lock()

    def broker(address):
        # Each command looks after the messages of workers that are gone for two seconds.
        made = RedisBroker(client=client(address, decode_responses=False), heartbeat_timeout=2000, maintenance_chance=1_000_000)
        dramatiq.set_broker(made)

        @dramatiq.actor(broker=made, max_retries=0)
        def work(name):
            with guard:
                runs[name] += 1

        worker = dramatiq.Worker(made, worker_threads=2, worker_timeout=50)
        worker.start()
        return made, work, worker

    def enqueue(broker, name):
        try:
            broker[1].send(name)
        except BrokerError as error:
            raise error.__cause__ or error

    brokers = [broker(address) for address in trial.cluster.addresses]
    try:
        acknowledged, unclear = enqueue_all(trial, brokers, enqueue)
        trial.calm()
    finally:
        for _, _, worker in brokers:
            worker.stop()
    # The old workers may hold messages of which they do not know. New ones get these after the heartbeat.
    brokers = [broker(address) for address in trial.cluster.addresses]
    try:
        wait_until(lambda: acknowledged <= runs.keys(), lambda: f"messages are lost: {sorted(acknowledged - runs.keys())[:5]}")
    finally:
        for _, _, worker in brokers:
            worker.stop()
    demand(runs.keys() <= acknowledged | unclear, "a message arrived that was refused")


def rq(trial):
    """RQ runs each job at least once."""
    import rq

    ready = [rq.Queue("trial", connection=client(address, decode_responses=False)) for address in trial.cluster.addresses]
    acknowledged, unclear = enqueue_all(trial, ready, lambda queue, name: queue.enqueue("operator.mul", name, 2, job_id=name.replace(".", "_")))
    trial.calm()
    for queue in ready:
        rq.SimpleWorker([queue], connection=queue.connection).work(burst=True)
    for name in acknowledged:
        job = rq.job.Job.fetch(name.replace(".", "_"), connection=ready[0].connection)
        demand(job.is_finished and job.return_value() == 2 * name, f"job {name} is {job.get_status()}")


def celery(trial):
    """Celery, with the servers as broker and as store of results, returns the result of each acknowledged task."""
    import celery
    import kombu.exceptions

    def double(name):
        return 2 * name

    apps, tasks = [], []
    for address in trial.cluster.addresses:
        app = celery.Celery("trial", broker=f"redis://{address}/2", backend=f"redis://{address}/3", set_as_current=False)
        app.conf.update(broker_transport_options={"max_retries": 1}, worker_hijack_root_logger=False)
        apps.append(app)
        tasks.append(app.task(name="double")(double))
    results = {}

    def enqueue(task, name):
        try:
            results[name] = task.apply_async((name,), retry=False)
        except kombu.exceptions.OperationalError as error:
            raise error.__cause__ or error

    acknowledged, unclear = enqueue_all(trial, tasks, enqueue)
    trial.calm()
    from celery.contrib.testing.worker import start_worker

    with start_worker(apps[0], pool="threads", concurrency=2, perform_ping_check=False):
        for name in acknowledged:
            demand(results[name].get(timeout=PATIENCE) == 2 * name, f"task {name} returned something else")
