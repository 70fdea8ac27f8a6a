"""What people do with Valkey GLIDE. Run as: valkey_glide.py PORT PROTOCOL; prints "ok" and nothing else.

Everything is as GLIDE has it by default, but for its patience: it would give up on an answer after 250 ms and on a connection
after 2 s, and a machine that is busy with other tests may need longer.
"""

import sys

from glide_sync import (
    AdvancedGlideClientConfiguration,
    Batch,
    ConditionalChange,
    FlushMode,
    GlideClient,
    GlideClientConfiguration,
    InfoSection,
    NodeAddress,
    ProtocolVersion,
    RequestError,
    ServerCredentials,
)

port, protocol = int(sys.argv[1]), sys.argv[2]
# RESP3 is what it speaks unless it is told otherwise.
version = {"2": {"protocol": ProtocolVersion.RESP2}, "3": {}}[protocol]
minute = 60_000
patience = {"request_timeout": minute, "advanced_config": AdvancedGlideClientConfiguration(connection_timeout=minute)}


def connect(**options):
    return GlideClient.create(GlideClientConfiguration([NodeAddress(port=port)], **version, **patience, **options))


client = connect()

assert client.ping() == b"PONG"
assert client.flushall() == "OK"
assert client.dbsize() == 0

assert client.get("key") is None
assert client.set("key", "value") == "OK"
assert client.get("key") == b"value"
absent, present = ConditionalChange.ONLY_IF_DOES_NOT_EXIST, ConditionalChange.ONLY_IF_EXISTS
assert client.set("key", "other", conditional_set=absent) is None
assert client.set("new", "value", conditional_set=present) is None
assert client.set("key", "newer", conditional_set=present, return_old_value=True) == b"value"
assert client.set("new", "value", conditional_set=absent, return_old_value=True) is None

every_byte = bytes(range(256))
assert client.set(every_byte, every_byte) == "OK"
assert client.get(every_byte) == every_byte
large = b"large " * 20_000
assert client.set("large", large) == "OK"
assert client.get("large") == large

assert client.mset({"a": "1", "b": "2"}) == "OK"
assert client.mget(["a", "nothing", "b"]) == [b"1", None, b"2"]
assert client.exists(["a", "a", "nothing"]) == 2
assert client.delete(["a", "nothing"]) == 1
assert client.unlink(["b", "nothing"]) == 1
assert client.flushdb(FlushMode.ASYNC) == "OK"

pipeline = Batch(is_atomic=False)
for number in range(100):
    pipeline.set(f"key {number}", str(number)).get(f"key {number}")
replies = client.exec(pipeline.dbsize(), raise_on_error=True)
assert replies.pop() == 100
assert replies[::2] == ["OK"] * 100
assert replies[1::2] == [str(number).encode() for number in range(100)]

# An error in a pipeline is the answer to its own command alone.
pipeline = Batch(is_atomic=False).set("x", "1").custom_command(["SET", "x"]).get("x")
first, error, last = client.exec(pipeline, raise_on_error=False)
assert (first, last) == ("OK", b"1") and isinstance(error, RequestError), error

assert client.echo("hello") == b"hello"
assert client.select(0) == "OK"
assert client.client_id() > 0
assert client.client_getname() is None
assert client.config_get(["databases", "timeout"]) == {b"databases": b"16", b"timeout": b"0"}
assert b"keys=101," in client.info([InfoSection.KEYSPACE])
assert b"redis_version:" in client.info()
assert len(client.time()) == 2

named = connect(client_name="me", credentials=ServerCredentials(username="default", password="any"), database_id=0)
assert named.client_getname() == b"me"
assert named.get("x") == b"1"

for connected in (client, named):
    connected.close()
print("ok")
