"""Trials of caches, sessions and rate limiters."""

import collections
import threading
import time

import redis

from trial import TROUBLE, Refused, Unclear, client, demand, sort_out

# Options of redis-py that make a cache send each command once.
ONCE = {"retry": None, "socket_timeout": 10}

# Seconds of a window that ends during no trial.
HOUR = 3600


def django_redis(trial):
    """The cache of Django: it writes to one server and reads from the two others.

    With a database that replicates later, such a cache reads old values. Here it must read its own writes. Of all clients
    that `add` one key, one succeeds. A counter is between what was acknowledged and what was sent.
    """
    import django.conf
    import django.core.cache
    from django_redis.exceptions import ConnectionInterrupted

    addresses, workers = trial.cluster.addresses, 4
    turned = {number: [*addresses[number % len(addresses):], *addresses[:number % len(addresses)]] for number in range(workers)}
    options = {"CONNECTION_POOL_KWARGS": ONCE}
    caches = {
        "default" if number == 0 else str(number): {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": [f"redis://{address}/1" for address in servers],
            "OPTIONS": options,
        }
        for number, servers in turned.items()
    }
    django.conf.settings.configure(CACHES=caches, USE_TZ=True)
    winners, sums, guard = collections.Counter(), collections.Counter(), threading.Lock()

    def call(command):
        try:
            return command()
        except ConnectionInterrupted as error:
            time.sleep(0.05)
            raise sort_out(error.__cause__)(str(error)) from error
        except TROUBLE as error:
            time.sleep(0.05)
            raise sort_out(error)(str(error)) from error

    def worker(number):
        cache = django.core.cache.caches["default" if number == 0 else str(number)]
        drawn, turn, known = trial.drawn(number), 0, {}
        while trial.going():
            turn += 1
            name, value = f"{number}:{drawn.randrange(5)}", {"turn": turn, "of": number}
            try:
                # `possible` are the values that a read may return.
                possible = known.setdefault(name, [None])
                known[name] = [*possible, value]
                try:
                    call(lambda: cache.set(name, value, timeout=600))
                except Refused:
                    known[name] = possible
                    raise
                known[name] = [value]
                got = call(lambda: cache.get(name))
                demand(got == value, f"{name} was set to {value}, but is {got}")
                demand(0 < call(lambda: cache.ttl(name)) <= 600, f"{name} has no expiry")
                one = f"once:{drawn.randrange(30)}"
                if call(lambda: cache.add(one, number, timeout=None)):
                    with guard:
                        winners[one] += 1
                call(lambda: cache.get_or_set("counter", 0, timeout=None))
                with guard:
                    sums["sent"] += 1
                try:
                    call(lambda: cache.incr("counter"))
                    with guard:
                        sums["done"] += 1
                except Refused:
                    with guard:
                        sums["sent"] -= 1
                    raise
                many = {f"many:{number}:{place}": turn for place in range(5)}
                call(lambda: cache.set_many(many))
                demand(call(lambda: cache.get_many(many)) == many, f"{many} were set, and others read")
                demand(call(lambda: cache.delete_pattern(f"many:{number}:*")) == 5, "delete_pattern misses keys")
                demand(not call(lambda: cache.keys(f"many:{number}:*")), "delete_pattern leaves keys")
                trial.did(10)
            except (Refused, Unclear):
                got = read(cache, name, trial)
                demand(got in known[name], f"{name} is {got}, but can only be one of {known[name]}")
                # A write of unknown fate may still land, so what was possible stays possible.

    def read(cache, name, trial):
        while True:
            try:
                return call(lambda: cache.get(name))
            except (Refused, Unclear):
                demand(time.monotonic() < trial.until, "the servers do not answer")

    trial.work(workers, worker)
    trial.calm()
    cache = django.core.cache.caches["default"]
    demand(max(winners.values()) == 1, f"several clients added one key: {winners}")
    demand(sums["done"] <= cache.get("counter") <= sums["sent"], f"the counter is {cache.get('counter')}, but {sums}")
    cache.clear()
    demand(not cache.keys("*"), "clear leaves keys")


def limits(trial):
    """Rate limiters let no more through than they may, on all servers together.

    The windows of an hour end after the trial. A moving window of two seconds goes by the clients' clocks: so many hits
    that were let through, and one more, span two seconds.
    """
    from limits import RateLimitItemPerHour, RateLimitItemPerSecond, storage, strategies

    hour, short = RateLimitItemPerHour(300), RateLimitItemPerSecond(20, 2)
    kinds = [strategies.FixedWindowRateLimiter, strategies.MovingWindowRateLimiter, strategies.SlidingWindowCounterRateLimiter]
    passed, unclear, times, guard = collections.Counter(), collections.Counter(), [], threading.Lock()

    def worker(number):
        drawn = trial.drawn(number)
        stores = [storage.RedisStorage(f"redis://{address}", **ONCE) for address in trial.cluster.addresses]
        limiters = [[kind(store) for kind in kinds] for store in stores]
        while trial.going():
            place, kind = drawn.randrange(len(stores)), drawn.randrange(len(kinds) + 1)
            limiter = limiters[place][min(kind, 1) if kind == len(kinds) else kind]
            moving = kind == len(kinds)
            called = time.time()
            try:
                through = limiter.hit(short if moving else hour, "short" if moving else f"{kind}")
            except TROUBLE as error:
                if sort_out(error) is Unclear and not moving:
                    with guard:
                        unclear[kind] += 1
                time.sleep(0.05)
                continue
            with guard:
                if through and moving:
                    times.append((called, time.time()))
                elif through:
                    passed[kind] += 1
            trial.did()

    trial.work(6, worker)
    trial.calm()
    store = storage.RedisStorage(f"redis://{trial.cluster.addresses[0]}", **ONCE)
    for kind, limiter in enumerate(kinds):
        while limiter(store).hit(hour, f"{kind}"):
            passed[kind] += 1
        bound = f"{limiter.__name__} let {passed[kind]} through, and {unclear[kind]} are unclear"
        demand(passed[kind] <= 300, bound)
        # The sliding counter estimates, and may let fewer through.
        demand(kind == 2 or passed[kind] + unclear[kind] >= 300, bound)
    times.sort()
    for first, last in zip(times, times[20:]):
        demand(last[1] - first[0] >= 2, "21 hits passed within 2 seconds")


def flask_session(trial):
    """The sessions of three Flask applications, one on each server: a visitor finds in each what the others have stored."""
    import flask
    import flask_session

    def application(address):
        app = flask.Flask("visits")
        app.config.update(SECRET_KEY="x", SESSION_TYPE="redis", SESSION_REDIS=client(address, decode_responses=False))
        app.config.update(PROPAGATE_EXCEPTIONS=True)
        flask_session.Session(app)

        @app.get("/")
        def visit():
            flask.session["visits"] = flask.session.get("visits", 0) + 1
            return str(flask.session["visits"])

        return app

    applications = [application(address) for address in trial.cluster.addresses]

    def worker(number):
        drawn = trial.drawn(number)
        cookie, least, most = None, 0, 0
        while trial.going():
            browser = drawn.choice(applications).test_client()
            if cookie:
                browser.set_cookie("session", cookie)
            most += 1
            try:
                reply = browser.get("/")
            except TROUBLE as error:
                sort_out(error)
                time.sleep(0.05)
                continue
            visits = int(reply.text)
            demand(least < visits <= most, f"visit {visits} came after visit {least}, of {most}")
            # A write of unknown fate cannot land later than this acknowledged one, because both replace the same object.
            cookie, least, most = cookie or browser.get_cookie("session").value, visits, visits
            trial.did()

    trial.work(4, worker)


def dogpile(trial):
    """The cache of dogpile with distributed locks: all clients get one value, and one of them makes it."""
    from dogpile.cache import make_region

    made, got, troubles, guard = collections.Counter(), collections.defaultdict(set), collections.Counter(), threading.Lock()

    def region(address):
        host, port = address.rsplit(":", 1)
        arguments = {"host": host, "port": int(port), "distributed_lock": True, "lock_timeout": 10, "lock_sleep": 0.02}
        return make_region().configure("dogpile.cache.redis", arguments=arguments | {"connection_kwargs": ONCE})

    regions = [region(address) for address in trial.cluster.addresses]

    def worker(number):
        drawn = trial.drawn(number)
        while trial.going():
            # All workers ask for about the same keys at the same time.
            key = f"page:{trial.done // 20}:{drawn.randrange(3)}"

            def make():
                with guard:
                    made[key] += 1
                    return f"{key} {made[key]}"

            try:
                value = drawn.choice(regions).get_or_create(key, make)
            except TROUBLE as error:
                # A lock that its owner has lost is a LockError.
                if not isinstance(error, redis.exceptions.LockError):
                    sort_out(error)
                with guard:
                    troubles[key] += 1
                time.sleep(0.05)
                continue
            with guard:
                got[key].add(value)
            trial.did()

    trial.work(6, worker)
    for key, values in got.items():
        demand(made[key] <= 1 + troubles[key], f"{key} was made {made[key]} times, with {troubles[key]} errors")
        demand(len(values) <= 1 + troubles[key], f"clients got different values: {values}")


def pottery(trial):
    """Pottery on one address each: NextID never gives an id twice, and a RedisDict keeps what was acknowledged."""
    from pottery import NextID, QuorumIsImpossible, QuorumNotAchieved, RedisDict

    ids, guard = collections.Counter(), threading.Lock()

    def worker(number):
        drawn = trial.drawn(number)
        clients = [client(address, decode_responses=False) for address in trial.cluster.addresses]
        known = {}
        while trial.going():
            chosen = drawn.choice(clients)
            try:
                got = next(NextID(key="ids", masters={chosen}, num_tries=1))
                with guard:
                    ids[got] += 1
                field = str(drawn.randrange(10))
                known.setdefault(field, []).append(got)
                kept = RedisDict(redis=chosen, key=f"kept:{number}")
                kept[field] = got
                known[field] = [got]
                kept = RedisDict(redis=drawn.choice(clients), key=f"kept:{number}")
                demand(kept[field] == got, f"field {field} is {kept[field]}, and was set to {got}")
                trial.did(4)
            except (QuorumIsImpossible, QuorumNotAchieved):
                time.sleep(0.02)
            except TROUBLE as error:
                sort_out(error)
                time.sleep(0.05)

    trial.work(4, worker)
    twice = [number for number, times in ids.items() if times > 1]
    demand(not twice, f"NextID gave ids twice: {twice[:5]}")
