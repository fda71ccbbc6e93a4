"""Keys of Redis as decoded trees and truth.json tell them."""
import base64, json, urllib.parse


def binary_of(value):
    if isinstance(value, str):
        return value.encode()
    text = value["base64"]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def lines(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def from_tree(root):
    """All keys of a decoded tree: (type, value, expiry)."""
    keymap = {line["encoded"]: binary_of({"base64": line["original"]}) for line in lines(root / "KEYMAP.jsonl")}
    key = lambda name: keymap.get(name) if name in keymap else urllib.parse.unquote_to_bytes(name)
    keys = {}
    for folder, kind, suffix in [("strings", "string", ".bin"), ("hll", "hll", ".bin"), ("hashes", "hash", ".json"), ("lists", "list", ".json"), ("sets", "set", ".json"), ("zsets", "zset", ".json"), ("streams", "stream", ".jsonl")]:
        expiries = {line["key"]: line["expire_at_ms"] for line in lines(root / f"{folder}_ttl.jsonl")}
        for path in (root / folder).glob("*") if (root / folder).exists() else []:
            name = path.name[: -len(suffix)]
            if suffix == ".bin":
                value, expiry = path.read_bytes(), expiries.get(name)
                if kind == "hll":
                    value = members(value)
            elif kind == "stream":
                *entries, meta = lines(path)
                value = ([(entry["id"].encode(), [x for field in entry["fields"] for x in (binary_of(field["name"]), binary_of(field["value"]))]) for entry in entries], f"{meta['last_ms']}-{meta['last_seq']}".encode())
                expiry = meta["expire_at_ms"]
            else:
                body = json.loads(path.read_bytes(), parse_int=lambda text: -0.0 if text == "-0" else int(text))
                expiry = body["expire_at_ms"]
                if kind == "hash":
                    value = {binary_of(field["name"]): binary_of(field["value"]) for field in body["fields"]}
                elif kind == "list":
                    value = [binary_of(item) for item in body["items"]]
                elif kind == "set":
                    value = {binary_of(member) for member in body["members"]}
                else:
                    value = {binary_of(member["member"]): float(member["score"]) for member in body["members"]}
            keys[(key(name), kind)] = (value, expiry)
    return keys


def members(payload):
    """The members of an HLL: repeated string, field 1."""
    found, at = set(), 4
    while at < len(payload):
        assert payload[at] == 0x0A
        length, shift, at = 0, 0, at + 1
        while True:
            byte = payload[at]
            length, shift, at = length | (byte & 127) << shift, shift + 7, at + 1
            if byte < 128:
                break
        found.add(payload[at : at + length])
        at += length
    return found


def from_truth(path):
    """The keys that the node's own API answered, in the form of the first capture."""
    std = base64.b64decode
    keys = {}
    for record in json.loads(path.read_bytes())["keys"]:
        kind = record["type"]
        if record.get("bare"):
            continue
        if kind == "string":
            value = std(record["value"])
        elif kind == "hll":
            value = {std(member) for member in record["members"]}
        elif kind == "hash":
            value = {std(name): std(value) for name, value in record["fields"]}
        elif kind == "list":
            value = [std(item) for item in record["items"]]
        elif kind == "set":
            value = {std(member) for member in record["members"]}
        elif kind == "zset":
            value = {std(member): float(score) for member, score in record["members"]}
        else:
            value = ([(entry[0].encode(), [std(text) for text in entry[1]]) for entry in record["entries"]], record["last_id"].encode())
        keys[(std(record["key"]), kind)] = (value, record["expire_ms"])
    return keys
