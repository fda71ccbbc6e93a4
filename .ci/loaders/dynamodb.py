"""DynamoDB: tables made with `aws dynamodb create-table` from create-table.json and filled by import-table's own files
(through batch-write-item, as no server on loopback imports), read back with Scan, and compared with truth.json and the
decoded tree."""
import gzip, hashlib, base64, json, subprocess, os
from decimal import Decimal, InvalidOperation, getcontext
import boto3
from common import *

CAPTURES = os.environ.get('CAPTURES', '').split() or ["dynamodb", "shop", "mvcc", "encrypted", "cluster", "txn", "sst"]
getcontext().prec = 200
os.environ.update(AWS_ACCESS_KEY_ID="k", AWS_SECRET_ACCESS_KEY="s", AWS_DEFAULT_REGION="us-east-1", AWS_PAGER="")


def decimal(text):
    """DynamoDB keeps numbers, and not how they were written."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text + " (no number)"
    return str(value.normalize()) if value else "0"


def normal(item):
    """An item as text that is equal for equal items: sets have no order."""
    def value(v):
        (kind, inner), = v.items()
        if kind == "N":
            return {kind: decimal(inner)}
        if kind == "NS":
            inner = map(decimal, inner)
        if kind in ("SS", "NS", "BS"):
            return {kind: sorted(x if isinstance(x, str) else base64.b64encode(x).decode() for x in inner)}
        if kind == "L":
            return {kind: [value(x) for x in inner]}
        if kind == "M":
            return {kind: {name: value(x) for name, x in inner.items()}}
        if kind == "B" and not isinstance(inner, str):
            return {kind: base64.b64encode(inner).decode()}
        return v
    return json.dumps({name: value(v) for name, v in item.items()}, sort_keys=True)


def aws(port, *arguments, cwd=None):
    done = subprocess.run(["aws", "--endpoint-url", f"http://127.0.0.1:{port}", *arguments], capture_output=True, text=True, cwd=cwd)
    return done.stderr if done.returncode else ""


def create(client, request):
    try:
        client.create_table(**request)
    except Exception as error:
        return str(error)


for capture in CAPTURES:
    folder = work / capture
    folder.mkdir()
    outcome, _ = run("export", *snapshots(capture), "--to", "dynamodb", "--batch", "--part-size", "16KiB", "-o", folder / "export")
    run("decode", *snapshots(capture), "--dynamodb-layout", "jsonl", "-o", folder / "tree")
    port = free_port()
    process = server(["moto_server", "-H", "127.0.0.1", "-p", str(port)], port, folder / "log")
    client = boto3.client("dynamodb", endpoint_url=f"http://127.0.0.1:{port}")
    altered, left = named(outcome, "export_ddb_table"), named(outcome, "export_ddb_item")
    trees = {}
    for schema in (folder / "tree/dynamodb").glob("*/_schema.json") if (folder / "tree/dynamodb").exists() else []:
        items = [json.loads(line) for path in sorted(schema.parent.glob("items/*.jsonl")) for line in path.open()]
        trees[json.loads(schema.read_bytes())["table_name"]] = items
    truths = {}
    if capture == "dynamodb":
        truths = {table["name"]: table for table in json.loads((captures / capture / "truth.json").read_bytes())["tables"]}
    made = {}
    for path in sorted((folder / "export/dynamodb").rglob("create-table.json")):
        request = json.loads(path.read_bytes())
        name = request["TableName"]
        made[name] = path
        what = f"{capture} {name[:40]}"
        of_table = lambda fields: fields["table"] == name
        if any(of_table(f) and f["what"].startswith("a name") for f in altered):
            check(len(name) < 3, f"{what}: named for its name")
            request["TableName"] = name = f"renamed-{len(made)}"
            path.write_text(json.dumps(request))
        # The tool takes seconds for what the API behind it takes milliseconds: it does what is in the first two tables.
        by_tool = len(made) <= 2
        failure = aws(port, "dynamodb", "create-table", "--cli-input-json", path.as_uri()) if by_tool else create(client, request) or ""
        check(not failure, f"{what}: create-table: {failure[-300:]}")
        # The manifests lead to the files of the import.
        manifest = json.loads((path.parent / "manifest-summary.json").read_bytes())
        files = [json.loads(line) for line in (folder / "export" / manifest["manifestFilesS3Key"]).open()]
        imported = []
        for file in files:
            packed = (folder / "export" / file["dataFileS3Key"]).read_bytes()
            check(base64.b64decode(file["md5Checksum"]) == hashlib.md5(packed).digest(), f"{what}: MD5")
            lines = gzip.decompress(packed).splitlines()
            check(len(lines) == file["itemCount"] and (len(lines) == 1 or sum(map(len, lines)) + len(lines) <= 16384), f"{what}: item count")
            imported += [json.loads(line)["Item"] for line in lines]
        check(len(imported) == manifest["itemCount"], f"{what}: item count of the whole")
        # One request through the tool, the others through the same API.
        for number, line in enumerate((path.parent / "batch-write.jsonl").open()):
            line = json.loads(line)
            (old, puts), = line["RequestItems"].items()
            check(len(puts) <= 25, f"{what}: {len(puts)} items in a request")
            line = {"RequestItems": {name: puts}}
            # Version 1 of the tool takes binary values of a file as they are, version 2 as base64.
            if number == 0 and by_tool and '"B' not in json.dumps(puts):
                (folder / "request").write_text(json.dumps(line))
                failure = aws(port, "dynamodb", "batch-write-item", "--cli-input-json", (folder / "request").as_uri())
                check(not failure, f"{what}: batch-write-item: {failure[-300:]}")
                continue
            raw = lambda v: {k: base64.b64decode(x) if k == "B" else [base64.b64decode(y) for y in x] if k == "BS" else [raw(y) for y in x] if k == "L" else {n: raw(y) for n, y in x.items()} if k == "M" else x for k, x in v.items()}
            try:
                client.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": {n: raw(v) for n, v in put["PutRequest"]["Item"].items()}}} for put in puts]})
            except Exception as error:
                check(False, f"{what}: batch_write_item: {error}")
        pages = client.get_paginator("scan").paginate(TableName=name)
        found = sorted(normal(item) for page in pages for item in page["Items"])
        check(found == sorted(map(normal, imported)), f"{what}: {len(found)} items are there, {len(imported)} in the files: {sorted(set(found) ^ set(map(normal, imported)))[:2]}")
        own = request["TableName"] if request["TableName"] in trees else json.loads((path.parent / "batch-write.jsonl").read_text().partition("\n")[0] or '{"RequestItems":{"":0}}')["RequestItems"]
        own = own if isinstance(own, str) else next(iter(own))
        refused = sum(f["table"] == own for f in left)
        missing = sorted(set(map(normal, trees[own])) - set(found))
        check(len(missing) == refused and not set(found) - set(map(normal, trees[own])), f"{what}: {len(missing)} items are not there, {refused} were named")
        if own in truths:
            truth = truths[own]
            missing = set(map(normal, truth["items"])) - set(found)
            unserved = len(truth.get("unserved_items", []))
            check(len(missing) + unserved == refused, f"truth {own[:40]}: {len(missing)} items are not there, {refused} were named, {unserved} no server serves: {list(missing)[:1]}")
            described, wanted = client.describe_table(TableName=name)["Table"], truth["describe"]
            check(described["KeySchema"] == wanted["KeySchema"], f"truth {own[:40]}: keys {described['KeySchema']}")
            types = lambda table: {a["AttributeName"]: a["AttributeType"] for a in table["AttributeDefinitions"]}
            dropped = {f["name"] for f in altered if f["table"] == own and "attribute definition" in f["what"]}
            given = {f["name"] for f in altered if f["table"] == own and "type" in f["what"]}
            check({n: t for n, t in types(described).items() if n not in given} == {n: t for n, t in types(wanted).items() if n not in dropped} or own == "undeclared", f"truth {own[:40]}: types {types(described)} of {types(wanted)}")
            index = lambda table: {i["IndexName"]: (i["KeySchema"], i["Projection"]["ProjectionType"], sorted(i["Projection"].get("NonKeyAttributes", []))) for i in table.get("GlobalSecondaryIndexes", [])}
            without = {f["name"] for f in altered if f["table"] == own and f["what"].startswith("index")}
            check(index(described) == {n: i for n, i in index(wanted).items() if n not in without}, f"truth {own[:40]}: indexes {index(described)} of {index(wanted)}, named {without}")
    check(set(made) == set(trees), f"{capture}: tables {set(made) ^ set(trees)}")
    process.terminate()
    process.wait()
end()
