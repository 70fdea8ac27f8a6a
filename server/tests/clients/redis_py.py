"""What people do with redis-py. Run as: redis_py.py PORT PROTOCOL; prints "ok" and nothing else."""

import sys

import redis

port, protocol = int(sys.argv[1]), int(sys.argv[2])
client = redis.Redis(port=port, protocol=protocol)

assert client.ping() is True
assert client.flushall() is True
assert client.dbsize() == 0

assert client.get("key") is None
assert client.set("key", "value") is True
assert client.get("key") == b"value"
assert client.set("key", "other", nx=True) is None
assert client.set("new", "value", xx=True) is None
assert client.set("key", "newer", xx=True, get=True) == b"value"
assert client.set("new", "value", nx=True, get=True) is None
assert client["key"] == b"newer"
assert "key" in client and "nothing" not in client

every_byte = bytes(range(256))
assert client.set(every_byte, every_byte) is True
assert client.get(every_byte) == every_byte
large = "large " * 200_000
assert client.set("large", large) is True
assert client.get("large").decode() == large

assert client.mset({"a": 1, "b": 2}) is True
assert client.mget("a", "nothing", "b") == [b"1", None, b"2"]
assert client.exists("a", "a", "nothing") == 2
assert client.delete("a", "nothing") == 1
assert client.unlink("b", "nothing") == 1
assert client.flushdb(asynchronous=True) is True

pipeline = client.pipeline(transaction=False)
for number in range(1000):
    pipeline.set(f"key {number}", number).get(f"key {number}")
replies = pipeline.dbsize().execute()
assert replies.pop() == 1000
assert replies[::2] == [True] * 1000
assert replies[1::2] == [str(number).encode() for number in range(1000)]

# An error in a pipeline is the answer to its own command alone.
pipeline = client.pipeline(transaction=False)
first, error, last = pipeline.set("x", 1).execute_command("SET", "x").get("x").execute(raise_on_error=False)
assert (first, last) == (True, b"1") and isinstance(error, redis.ResponseError), error

assert client.echo("hello") == b"hello"
assert client.client_id() > 0
assert client.client_getname() is None
assert client.client_setname("me") is True
assert client.client_info()["name"] == "me"
assert [one["name"] for one in client.client_list()].count("me") == 1
assert client.config_get("databases") == {"databases": "16"}
assert client.info("keyspace")["db0"]["keys"] == 1001
assert "redis_version" in client.info()
assert len(client.time()) == 2
assert client.command_count() > 0
assert "get" in client.command()
assert client.command_getkeys("MSET", "a", 1, "b", 2) in ([b"a", b"b"], ["a", "b"])

text = redis.Redis(port=port, protocol=protocol, decode_responses=True, client_name="text", username="default", password="any")
assert text.set("ä", "€") is True
assert text.get("ä") == "€"
assert text.client_getname() == "text"

# From a URL, with a health check before every command.
url = redis.Redis.from_url(f"redis://127.0.0.1:{port}/0?protocol={protocol}&health_check_interval=1")
assert url.get("x") == b"1"

for connected in (client, text, url):
    connected.close()
print("ok")
