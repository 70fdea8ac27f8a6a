"""Trials of redis-py itself: locks, transactions, pipelines."""

import threading
import time

import redis

from trial import Refused, Unclear, demand

# Seconds that a lock lasts, and by how much the clocks of servers and this process may differ.
LEASE, MARGIN = 2.0, 0.25


def locks(trial):
    """Locks exclude each other over all servers, and expire.

    A worker notes from when to when it certainly held the lock: from the reply to its acquire to its release, or to the end
    of the lease that began with the call. No two of these times may overlap. The token that it draws inside grows with
    these times.
    """
    held, guard = [], threading.Lock()

    def worker(number):
        roaming, drawn = trial.roaming(number), trial.drawn(f"lock {number}")
        while trial.going():
            lock = roaming.redis.lock("lock", timeout=LEASE)
            called = time.monotonic()
            try:
                if not roaming.call(lambda _: lock.acquire(blocking=False)):
                    time.sleep(drawn.uniform(0.01, 0.05))
                    continue
            except (Refused, Unclear):
                continue
            since, lease = time.monotonic(), called + LEASE - MARGIN
            until, token = lease, None
            try:
                token = roaming.call(lambda redis: redis.incr("token"))
                if drawn.random() < 0.2:
                    again = time.monotonic()
                    roaming.call(lambda _: lock.reacquire())
                    until = lease = again + LEASE - MARGIN
                # Else it is as if this process had died: only the expiry frees the lock.
                if drawn.random() < 0.95:
                    until = min(until, time.monotonic())
                    roaming.call(lambda _: lock.release())
                    trial.did()
            except redis.exceptions.LockError:
                demand(time.monotonic() > lease, "a lock was lost before the end of its lease")
            except (Refused, Unclear):
                pass
            with guard:
                held.append((since, until, token))

    trial.work(6, worker)
    certain = sorted(times for times in held if times[0] < times[1])
    for (_, until, token), (since, _, later) in zip(certain, certain[1:]):
        demand(until <= since, f"two clients held one lock for {until - since:.3f} s")
        demand(None in (token, later) or token < later, f"token {later} came after token {token}")


def transfers(trial):
    """Transactions with WATCH move money between accounts, and write a journal.

    The journal must contain each acknowledged transfer once, each that failed clearly never, and each of unknown fate at
    most once. The balances must follow from it: a lost update would leave another balance.
    """
    accounts = [f"account:{number}" for number in range(5)]
    fates, guard = {}, threading.Lock()
    begin = trial.roaming("begin")
    begin.insist(lambda redis: redis.mset({account: 1000 for account in accounts}))

    def transfer(client, name, source, target, amount):
        with client.pipeline() as pipe:
            pipe.watch(source, target)
            before = int(pipe.get(source)), int(pipe.get(target))
            pipe.multi()
            pipe.set(source, before[0] - amount)
            pipe.set(target, before[1] + amount)
            pipe.rpush("journal", f"{name} {source} {target} {amount}")
            pipe.execute()

    def worker(number):
        roaming, drawn, count = trial.roaming(number), trial.drawn(f"transfer {number}"), 0
        while trial.going():
            source, target = drawn.sample(accounts, 2)
            count += 1
            name, amount = f"{number}.{count}", drawn.randint(1, 50)
            fate = "unclear"
            try:
                roaming.call(lambda client: transfer(client, name, source, target, amount))
                fate = "done"
                trial.did()
            except Refused:
                fate = "refused"
            except Unclear:
                pass
            with guard:
                fates[name] = fate

    trial.work(6, worker)
    trial.calm()
    end = trial.roaming("end")
    journal = end.insist(lambda redis: redis.lrange("journal", 0, -1))
    balances = end.insist(lambda redis: dict(zip(accounts, map(int, redis.mget(accounts)))))
    expected, seen = {account: 1000 for account in accounts}, set()
    for line in journal:
        name, source, target, amount = line.split()
        demand(name not in seen, f"transfer {name} happened twice")
        demand(fates[name] != "refused", f"transfer {name} was refused, and happened")
        seen.add(name)
        expected[source] -= int(amount)
        expected[target] += int(amount)
    lost = [name for name, fate in fates.items() if fate == "done" and name not in seen]
    demand(not lost, f"transfers were lost: {lost[:5]}")
    demand(balances == expected, f"the balances are {balances}, but by the journal {expected}")


def pipelines(trial):
    """Pipelines without transactions append to lists of their own, and add to a common counter.

    A list has its acknowledged elements in their order, each once. The counter is at least what was acknowledged, and at
    most what was sent.
    """
    acknowledged, unclear, guard = {}, set(), threading.Lock()
    sums = {"done": 0, "unclear": 0}

    def worker(number):
        roaming, drawn, count = trial.roaming(number), trial.drawn(f"pipeline {number}"), 0
        while trial.going():
            size = drawn.randint(1, 20)
            names = [f"{number}.{count + place}" for place in range(size)]
            count += size
            pipe = roaming.redis.pipeline(transaction=False)
            for name in names:
                pipe.rpush(f"list:{number}", name)
                pipe.incr("sum")
            try:
                replies = roaming.call(lambda _: pipe.execute(raise_on_error=False))
            except Refused:
                continue
            except Unclear:
                replies = [None] * (2 * size)
            with guard:
                for place, name in enumerate(names):
                    settle(name, replies[2 * place], acknowledged, unclear)
                    reply = replies[2 * place + 1]
                    sums["done"] += isinstance(reply, int)
                    sums["unclear"] += not isinstance(reply, int)
            trial.did(2 * size)

    def settle(name, reply, acknowledged, unclear):
        if isinstance(reply, int):
            acknowledged[name] = reply
        elif reply is None or not str(reply).startswith("TRYAGAIN"):
            unclear.add(name)

    trial.work(6, worker)
    trial.calm()
    end = trial.roaming("end")
    for number in range(6):
        elements = end.insist(lambda redis: redis.lrange(f"list:{number}", 0, -1))
        demand(len(elements) == len(set(elements)), f"list:{number} has an element twice")
        places = [int(element.split(".")[1]) for element in elements]
        demand(places == sorted(places), f"the elements of list:{number} are out of order")
        for place, element in enumerate(elements):
            length = acknowledged.pop(element, None)
            demand(length is not None or element in unclear, f"{element} was refused, and is in its list")
            demand(length in (None, place + 1), f"{element} was said to be at {length}, and is at {place + 1}")
    demand(not acknowledged, f"acknowledged elements are lost: {list(acknowledged)[:5]}")
    total = end.insist(lambda redis: int(redis.get("sum")))
    demand(sums["done"] <= total <= sums["done"] + sums["unclear"], f"the sum is {total}, but {sums}")
