"""Redis: exports loaded with `redis-cli --pipe`; every key read back and compared with the decoded tree and truth.json.

Times are moved by what has passed since the snapshot, so that keys expire as they would have then.
"""
import base64, json, socket, subprocess, time
from common import *
from keys import from_tree, from_truth

CAPTURES = ["redis", "shop", "mvcc", "encrypted", "cluster", "txn", "txn-last", "sst"]


class Client:
    def __init__(self, port):
        self.stream = socket.create_connection(("127.0.0.1", port)).makefile("rwb")

    def __call__(self, *arguments):
        arguments = [a if isinstance(a, bytes) else str(a).encode() for a in arguments]
        self.stream.write(b"*%d\r\n" % len(arguments) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in arguments))
        self.stream.flush()
        return self.read()

    def read(self):
        line = self.stream.readline()[:-2]
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.stream.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        raise RuntimeError(line)


def read(client, key, kind):
    if kind == "string":
        return client("GET", key)
    if kind == "hll":
        return client("PFCOUNT", key)
    if kind == "hash":
        flat = client("HGETALL", key)
        return dict(zip(flat[::2], flat[1::2]))
    if kind == "list":
        return client("LRANGE", key, 0, -1)
    if kind == "set":
        return set(client("SMEMBERS", key))
    if kind == "zset":
        flat = client("ZRANGE", key, 0, -1, "WITHSCORES")
        return {member: float(score) for member, score in zip(flat[::2], flat[1::2])}
    entries = [(id, fields) for id, fields in client("XRANGE", key, "-", "+")]
    info = client("XINFO", "STREAM", key)
    return entries, dict(zip(info[::2], info[1::2]))[b"last-generated-id"]


def same(kind, found, wanted, negative_zeros):
    if kind == "hll":
        # The set is exact, the answer an estimate: 0.81 % is one standard deviation.
        return abs(found - len(wanted)) <= max(1, 0.05 * len(wanted))
    if kind == "zset":
        negative_zeros += [m for m, s in wanted.items() if repr(s) == "-0.0" and repr(found.get(m)) == "0.0"]
        return found == wanted
    if kind == "stream":
        clean = lambda id: b"-".join(b"%d" % int(part) for part in id.split(b"-"))
        entries = [(clean(id), fields) for id, fields in wanted[0]]
        last = max([wanted[1]] + [id for id, _ in entries], key=lambda id: [int(part) for part in id.split(b"-")])
        return found == (entries, last)
    return found == wanted


def compare(client, what, keys, outcome, shift, is_whole):
    """Whether the server holds these keys, but for those that the export named, and no others."""
    named_key = lambda fields: bytes.fromhex(fields["key_hex"]) if "key_hex" in fields else fields["key"].encode()
    empty = {(named_key(fields), fields["type"]) for fields in named(outcome, "export_redis_empty")}
    second = {(named_key(fields), fields["type"]) for fields in named(outcome, "export_redis_second_type")}
    left = {named_key(fields): fields["count"] for fields in named(outcome, "export_redis_elements")}
    hlls, zeros = 0, []
    for (key, kind), (wanted, expiry) in keys.items():
        name = f"{what} {kind} {key[:60]!r}"
        if isinstance(expiry, list):
            expiry = [moved(limit, shift) for limit in expiry]
        elif isinstance(expiry, int):
            expiry = moved(expiry, shift)
        is_empty = kind in ("hash", "list", "set", "zset") and not wanted
        if (key[:64], kind) in {(key[:64], kind) for key, kind in empty} and is_empty:
            check(client("EXISTS", key) == 0, f"{name}: named as empty, and there")
            continue
        if (key, kind) in second:
            check((key, "string") in keys, f"{name}: named as a second type, and the only one")
            continue
        if is_empty and not is_whole:
            # The API answers alike for a key that is emptied and one that is not there.
            check(client("EXISTS", key) == 0, f"{name}: empty, and there")
            continue
        type_of = client("TYPE", key).decode()
        if type_of == "none":
            seconds, micro = client("TIME")
            now = int(seconds) * 1000 + int(micro) // 1000
            limit = expiry if isinstance(expiry, int) else expiry[0] if isinstance(expiry, list) else None
            check(limit is not None and limit <= now, f"{name}: not there")
            continue
        check(type_of == ("string" if kind == "hll" else kind), f"{name}: is a {type_of}")
        if type_of != ("string" if kind == "hll" else kind):
            continue
        hlls += kind == "hll"
        if kind == "zset" and any(score != score for score in wanted.values()):
            # NaN, which the snapshot has and a dump reports as a problem.
            wanted = {member: score for member, score in wanted.items() if score == score}
        found = read(client, key, kind)
        if key in left:
            check(len(wanted[0]) - len(found[0]) == left[key], f"{name}: {left[key]} entries were named")
        else:
            check(same(kind, found, wanted, zeros), f"{name}: {str(found)[:200]} instead of {str(wanted)[:200]}")
        until = client("PEXPIRETIME", key)
        if isinstance(expiry, list):
            check(expiry[0] - 1 <= until <= expiry[1] + 1, f"{name}: expires at {until} instead of {expiry}")
        elif expiry != "unknown":
            check(until == (-1 if expiry is None else expiry), f"{name}: expires at {until} instead of {expiry}")
    counted = sum(fields["count"] for fields in named(outcome, "export_redis_negative_zeros"))
    check(len(zeros) <= counted, f"{what}: {len(zeros)} scores lost their sign, {counted} were named")
    if is_whole:
        there = {(key, client("TYPE", key).decode()) for key in client("KEYS", "*")}
        wanted = {(key, "string" if kind == "hll" else kind) for key, kind in keys}
        for key, kind in there - wanted:
            check(False, f"{what} {kind} {key[:60]!r}: there, and not in the dump")
        counted = sum(fields["count"] for fields in named(outcome, "export_redis_hll"))
        check(hlls <= counted, f"{what}: {hlls} HLLs, {counted} named")


def moved(expiry, shift):
    """A time as it is loaded; the greatest ones are no times."""
    return min(expiry + shift, (1 << 63) - 1) if expiry < 1 << 62 else expiry


def load(port, resp, shift):
    """Loads a file of commands with their times moved."""
    commands = open(resp, "rb")
    pipe = subprocess.Popen(["redis-cli", "-p", str(port), "--pipe"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    while line := commands.readline():
        assert line[:1] == b"*", line
        arguments = []
        for _ in range(int(line[1:])):
            length = int(commands.readline()[1:])
            arguments.append(commands.read(length))
            assert commands.read(2) == b"\r\n"
        if arguments[0] == b"PEXPIREAT" or (arguments[0] == b"SET" and arguments[3:4] == [b"PXAT"]):
            arguments[-1] = b"%d" % moved(int(arguments[-1]), shift)
        pipe.stdin.write(b"*%d\r\n" % len(arguments) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in arguments))
    said = pipe.communicate()[0].decode()
    check("errors: 0," in said, f"{resp}: {said}")


for capture in CAPTURES:
    folder = work / capture
    folder.mkdir()
    outcome, _ = run("export", *snapshots(capture), "--to", "resp", "-o", folder / "export")
    run("decode", *snapshots(capture), "-o", folder / "tree")
    root = folder / "tree/redis/db_0"
    if not root.exists():
        continue
    shift = int(time.time() * 1000) - (outcome["read_ts"] >> 16)
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = server(command, port, folder / "log")
    client = Client(port)
    load(port, folder / "export/redis.resp", shift)
    keys = from_tree(root)
    compare(client, capture, keys, outcome, shift, True)
    if capture == "redis":
        compare(client, "truth", from_truth(captures / capture / "truth.json"), outcome, shift, False)
        absent = [base64.b64decode(key) for key in json.loads((captures / capture / "truth.json").read_bytes())["absent"]]
        check(not any(client("EXISTS", key) for key in absent), "keys that were deleted are there")
    # Once more over what is there, and over keys of other types.
    for key, _ in list(keys)[::3]:
        client("DEL", key)
        client("HSET", key, "another", "type")
    again, _ = run("export", *snapshots(capture), "--to", "resp", "--replace", "-o", folder / "replace")
    load(port, folder / "replace/redis.resp", shift)
    compare(client, f"{capture} --replace", keys, again, shift, True)
    process.terminate()
    process.wait()
end()
