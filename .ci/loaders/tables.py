"""Tables: exports to JSON lines and Parquet opened with DuckDB through the views that they bring; both hold the same rows, the
queries of docs/export.md run, and everything is what truth.json and the decoded tree say."""
import base64, json, os, pathlib, re
from decimal import Decimal
import duckdb
from common import *
from keys import from_tree, from_truth

CAPTURES = os.environ.get("CAPTURES", "").split() or ["redis", "dynamodb", "s3", "s3-multipart", "sqs", "sqs-partitioned", "fs", "rawkv", "shop", "cluster", "encrypted", "mvcc", "txn", "sst"]
DOCUMENT = pathlib.Path(__file__).parent.parent.parent / "docs/export.md"
JSON = {"_item", "fields", "user_metadata", "parts", "tags", "attributes"}
ran = set()


def opened(folder):
    """The views of an export, by name."""
    os.chdir(folder)
    database = duckdb.connect()
    database.execute((folder / "duckdb.sql").read_text())
    return database, {name for name, in database.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()}


def rows(database, view):
    result = database.execute(f'SELECT * FROM "{view.replace(chr(34), chr(34) * 2)}"')
    names = [column[0] for column in result.description]
    return [dict(zip(names, row)) for row in result.fetchall()]


def raw(row, name):
    """The bytes of a column, whichever of the two they stand in; None where both are null."""
    text, packed = row[name], row[f"{name}_base64"]
    assert text is None or packed is None, row
    return base64.b64decode(packed) if packed is not None else None if text is None else text.encode()


def keys_of(database, views):
    """All keys in the form of from_tree."""
    found, elements = {}, {}
    for row in rows(database, "redis_elements") if "redis_elements" in views else []:
        elements.setdefault((raw(row, "key"), row["type"]), []).append(row)
    for row in rows(database, "redis_keys") if "redis_keys" in views else []:
        key, kind = raw(row, "key"), row["type"]
        of = elements.pop((key, kind), [])
        check([element["position"] for element in of] == list(range(len(of))), f"{key} {kind}: positions")
        check(kind == "string" or row["elements"] == len(of), f"{key} {kind}: {row['elements']} elements")
        if kind == "string":
            value = raw(row, "value")
        elif kind == "hash":
            value = {raw(e, "name"): raw(e, "value") for e in of}
        elif kind == "list":
            value = [raw(e, "value") for e in of]
        elif kind == "zset":
            value = {raw(e, "name"): e["score"] for e in of}
        elif kind == "stream":
            pairs = lambda e: [x.encode() for field in json.loads(e["fields"]) for x in (field["name"], field["value"])]
            value = ([(e["name"].encode(), pairs(e)) for e in of], row["last_id"].encode())
        else:
            value = {raw(e, "name") for e in of}
        found[(key, kind)] = (value, row["expires_ms"])
    check(not elements, f"elements without a key: {list(elements)[:2]}")
    return found


def same(kind, found, wanted):
    if kind == "zset":
        # The snapshot has NaN, which no dump has.
        wanted = {member: score for member, score in wanted.items() if score == score}
        return {m: repr(s) for m, s in found.items()} == {m: repr(float(s)) for m, s in wanted.items()}
    if kind == "stream":
        number = lambda id: tuple(int(part) for part in id.split(b"-"))
        last = max([number(wanted[1])] + [number(id) for id, _ in wanted[0]])
        return [(number(id), fields) for id, fields in found[0]] == [(number(id), fields) for id, fields in wanted[0]] and number(found[1]) == last
    return found == wanted


def redis(what, database, views, tree, truth, problems):
    found = keys_of(database, views)
    wanted = from_tree(tree / "redis/db_0") if (tree / "redis/db_0").exists() else {}
    check(set(found) == set(wanted), f"{what}: keys {list(set(found) ^ set(wanted))[:3]}")
    for key, (value, expiry) in wanted.items():
        if key in found:
            check(found[key][1] == expiry and same(key[1], found[key][0], value), f"{what} {key}: {str(found[key])[:150]} of {str(value)[:150]}")
    for (key, kind), (value, expiry) in truth.items():
        if (key, kind) not in found:
            check(key in problems or not value or kind in ("hash", "list", "set", "zset") and not value, f"truth {key[:60]} {kind}: not there")
            continue
        check(same(kind, found[(key, kind)][0], value), f"truth {key[:60]} {kind}: {str(found[(key, kind)])[:150]} of {str(value)[:150]}")


def normal(value):
    """An item in one order: sets have none."""
    if isinstance(value, dict):
        return {name: sorted(inner) if name in ("SS", "NS", "BS") and isinstance(inner, list) and all(isinstance(x, str) for x in inner) else normal(inner) for name, inner in value.items()}
    return [normal(x) for x in value] if isinstance(value, list) else value


def items(what, database, folder, tree, truth, outcome):
    tables = {line["name"]: line for line in map(json.loads, (folder / "tables.jsonl").open()) if line["table"] == "items"}
    trees = {}
    for schema in (tree / "dynamodb").glob("*/_schema.json") if (tree / "dynamodb").exists() else []:
        lines = [json.loads(line) for path in sorted(schema.parent.glob("items/*.jsonl")) for line in path.open()]
        trees[json.loads(schema.read_bytes())["table_name"]] = lines
    check(set(tables) == set(trees), f"{what}: tables {set(tables) ^ set(trees)}")
    left = {}
    for fields in named(outcome, "export_column"):
        left.setdefault(fields["table"], []).append(fields["name"])
    for name, line in tables.items():
        if not line["rows"]:
            check(not trees[name], f"{what} {name[:40]}: no rows")
            continue
        found = rows(database, line["view"])
        own = [json.loads(row["_item"]) for row in found]
        order = lambda all: sorted(json.dumps(normal(item), sort_keys=True) for item in all)
        check(len(found) == line["rows"] and order(own) == order(trees[name]), f"{what} {name[:40]}: {len(found)} items of {len(trees[name])}")
        if name in truth:
            missing = [item for item in truth[name] if normal(item) not in map(normal, own)]
            check(not missing, f"truth {name[:40]}: {len(missing)} items are not there: {missing[:1]}")
        columns = {column["name"] for column in line["columns"]} - {"_item", "_commit_ts"}
        scalars = set()
        for item, row in zip(own, found):
            for attribute, value in item.items():
                (kind, inner), = value.items()
                if kind in ("S", "N", "B", "BOOL"):
                    scalars.add(attribute)
                if attribute not in columns:
                    continue
                cell = row[attribute]
                wanted = {"S": lambda: inner, "BOOL": lambda: inner, "NULL": lambda: None, "B": lambda: base64.b64decode(inner or ""), "N": lambda: inner}[kind]()
                if kind == "N" and not isinstance(cell, str):
                    check(cell is not None and Decimal(repr(cell)) == Decimal(inner), f"{what} {name[:40]} {attribute}: {cell!r} of {inner}")
                else:
                    check(cell == wanted, f"{what} {name[:40]} {attribute}: {cell!r} of {wanted!r}")
            check(all(row[column] is None for column in columns - set(item)), f"{what} {name[:40]}: a cell without an attribute")
        unnamed = len(scalars - columns) - len(left.get(name, []))
        check(unnamed <= 0, f"{what} {name[:40]}: {unnamed} attributes without a column were not named: {scalars - columns}")


def objects(what, database, views, truth, problems):
    found = {}
    for row in rows(database, "objects") if "objects" in views else []:
        found[(raw(row, "bucket"), raw(row, "key"))] = row
    wanted = 0
    for bucket in truth:
        for told in bucket["objects"]:
            key = (bucket["name"].encode(), base64.b64decode(told["key"]))
            if key not in found:
                check(key[1] in problems, f"truth {key}: not there, and no problem")
                continue
            wanted += 1
            row = found[key]
            for name in ("size", "sha256", "etag", "content_type", "content_encoding", "cache_control", "content_disposition"):
                check(not told.get(name) or row[name] == told[name], f"truth {key} {name}: {row[name]} of {told.get(name)}")
            lower = lambda metadata: {name.lower(): value for name, value in metadata.items()}
            check(lower(json.loads(row["user_metadata"] or "{}")) == lower(told.get("user_metadata") or {}), f"truth {key}: metadata {row['user_metadata']}")
    if truth:
        check(wanted == len(found), f"{what}: {len(found)} objects, {wanted} in truth")
        check({raw(row, "bucket") for row in rows(database, "buckets")} == {bucket["name"].encode() for bucket in truth}, f"{what}: buckets")


def messages(what, database, views, truth):
    found = {}
    for row in rows(database, "messages") if "messages" in views else []:
        found.setdefault(raw(row, "queue").decode("utf-8", "replace"), {})[row["message_id"]] = row
    if not truth:
        return
    names = {raw(row, "queue").decode("utf-8", "replace") for row in rows(database, "queues")}
    check(names == {queue["name"] for queue in truth}, f"{what}: queues {names ^ {queue['name'] for queue in truth}}")
    for queue in truth:
        have = found.get(queue["name"], {})
        told = {message["message_id"]: message for message in queue["messages"]}
        check(set(have) == set(told), f"truth {queue['name']}: messages {list(set(have) ^ set(told))[:2]}")
        for id in set(have) & set(told):
            row, message = have[id], told[id]
            check(raw(row, "body") == base64.b64decode(message["body"]) and row["md5_of_body"] == message["md5_of_body"], f"truth {queue['name']} {id}: body")
            check(message.get("receive_count") is None or row["receive_count"] == message["receive_count"], f"truth {queue['name']} {id}: {row['receive_count']} receives of {message['receive_count']}")
            check(message.get("sent") is None or row["sent_ms"] == message["sent"], f"truth {queue['name']} {id}: sent {row['sent_ms']}")


def inodes(what, database, views, truth):
    if not truth:
        return
    found = {raw(row, "path"): row for row in rows(database, "inodes")}
    check(len(found) == len(truth), f"{what}: {len(found)} paths of {len(truth)}")
    for told in truth:
        path = base64.urlsafe_b64decode(told["path"] + "==")
        row = found.get(path)
        check(row is not None, f"truth {path}: not there")
        for name, column in [("type", "type"), ("mode", "mode"), ("uid", "uid"), ("gid", "gid"), ("inode", "inode"), ("nlink", "nlink"), ("sha256", "sha256"), ("mtime_nsec", "modified_ns")] + ([("size", "size")] if told["type"] == "file" else []):
            # The mount shows times before 1970 as 0.
            wanted = told.get(name)
            check(row is None or row[column] == wanted or wanted == 0 and row[column] < 0, f"truth {path}: {column} {row and row[column]} of {wanted}")


def pairs(what, database, views, truth):
    import hashlib
    found = {raw(row, "key"): raw(row, "value") for row in rows(database, "kv")} if "kv" in views else {}
    for key, told in truth.items():
        value = found.get(bytes.fromhex(key))
        check(value is not None and (len(value), hashlib.sha256(value).hexdigest()) == (told["size"], told["sha256"]), f"truth kv {key}: {value and value[:40]}")
    if truth:
        check(len(found) == len(truth), f"{what}: {len(found)} keys without a prefix of {len(truth)}")


def queries(database, views):
    """Runs the queries of the document that are about tables that are here."""
    for number, query in enumerate(re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text(), re.S)):
        needed = {a or b for a, b in re.findall(r'(?:FROM|JOIN) (?:"([^"]+)"|(\w+))', query)}
        # The tables of items are those of one capture.
        if needed <= views and ("items/" not in query or capture == "shop"):
            if database.execute(query).fetchall():
                ran.add(number)


for capture in CAPTURES:
    folder = work / capture
    folder.mkdir()
    run("decode", *snapshots(capture), "--dynamodb-layout", "jsonl", "-o", folder / "tree")
    truth = json.loads((captures / capture / "truth.json").read_bytes())
    both = {}
    for form in ("jsonl", "parquet"):
        out = folder / form
        outcome, _ = run("export", *snapshots(capture), "--to", form, "--part-size", "64KiB", "-o", out)
        database, views = opened(out)
        what = f"{capture} {form}"
        both[form] = {view: rows(database, view) for view in views}
        problems = {base64.urlsafe_b64decode(p["key"] + "==") for p in outcome["problems_list"]}
        redis(what, database, views, folder / "tree", from_truth(captures / capture / "truth.json") if capture == "redis" else {}, problems)
        told = {table["name"]: table["items"] for table in truth["tables"]} if capture == "dynamodb" else truth.get("dynamodb", {}) if capture == "shop" else {}
        items(what, database, out, folder / "tree", told, outcome)
        objects(what, database, views, truth.get("buckets", []) if capture in ("s3", "s3-multipart") else [], problems)
        messages(what, database, views, truth["queues"] if capture in ("sqs", "sqs-partitioned") else [])
        inodes(what, database, views, truth["fs"] if capture == "fs" else [])
        pairs(what, database, views, truth["kv"] if capture == "rawkv" else {})
        queries(database, views)
    one, other = both["jsonl"], both["parquet"]
    check(set(one) == set(other), f"{capture}: views {set(one) ^ set(other)}")
    for view in set(one) & set(other):
        value = lambda name, value: json.loads(value) if name in JSON and value is not None else repr(value)
        text = lambda all: [[(name, value(name, found)) for name, found in row.items()] for row in all]
        check(text(one[view]) == text(other[view]), f"{capture} {view}: lines and Parquet differ")
    print(f"{capture}: {sum(map(len, one.values()))} rows in {len(one)} tables")
check(len(ran) == len(re.findall(r"```sql\n", DOCUMENT.read_text())), f"queries of the document that were answered: {ran}")
end()
