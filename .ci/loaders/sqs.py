"""SQS: queues made with CreateQueue in the order of create-queues.jsonl, messages sent with SendMessageBatch; attributes,
tags and every message read back, and compared with truth.json and the decoded tree.

The service is moto's, in this process.
"""
import base64, json, os, re
import boto3
from common import *
from moto import mock_aws

CAPTURES = os.environ.get("CAPTURES", "").split() or ["sqs", "sqs-partitioned", "sqs-multigroup", "shop", "cluster", "encrypted"]
os.environ.update(AWS_ACCESS_KEY_ID="k", AWS_SECRET_ACCESS_KEY="s", AWS_DEFAULT_REGION="us-east-1", AWS_PAGER="")


def attributes(found):
    value = lambda a: (a["DataType"], a.get("StringValue"), (lambda b: base64.b64encode(b).decode() if isinstance(b, bytes) else b)(a.get("BinaryValue")))
    return {name: value(attribute) for name, attribute in (found or {}).items()}


def body_of(line):
    body = line["body"]
    return body if isinstance(body, str) else None


def is_refused(line):
    """Whether SQS takes a message, by its documentation."""
    text = lambda text: bool(text) and all(c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c >= "\U00010000" for c in text)
    name = lambda name: re.fullmatch(r"(?!.*\.\.)(?!\.)(?!(?i:aws|amazon)\.)[A-Za-z0-9_.-]{1,256}(?<!\.)", name)
    given = line.get("message_attributes") or {}
    return not isinstance(line["body"], str) or not text(line["body"]) or len(given) > 10 or any(not name(n) or not text(a.get("StringValue") or a.get("BinaryValue") or "") for n, a in given.items())


for capture in CAPTURES:
    folder = work / capture
    folder.mkdir()
    outcome, _ = run("export", *snapshots(capture), "--to", "sqs", "-o", folder / "export")
    run("decode", *snapshots(capture), "-o", folder / "tree")
    mock = mock_aws()
    mock.start()
    client = boto3.client("sqs")
    trees = {}
    for path in (folder / "tree/sqs").glob("*/_queue.json"):
        messages = path.parent / "messages.jsonl"
        lines = [json.loads(line) for line in messages.open()] if messages.exists() else []
        trees[json.loads(path.read_bytes())["name"]] = (lines, path.parent.name)
    truths = {}
    if capture == "sqs":
        truths = {queue["name"]: queue for queue in json.loads((captures / capture / "truth.json").read_bytes())["queues"]}
    said, left = named(outcome, "export_sqs_queue"), named(outcome, "export_sqs_message")
    renamed = {fields["queue"]: fields["count"] for fields in named(outcome, "export_sqs_deduplication")}
    requests = [json.loads(line) for line in (folder / "export/sqs/create-queues.jsonl").open()]
    check({request["QueueName"] for request in requests} == set(trees), f"{capture}: queues {len(requests)} of {len(trees)}")
    sent = all_refused = 0
    for number, request in enumerate(requests):
        own = request["QueueName"]
        what = f"{capture} {own}"
        if any(fields["queue"] == own and fields["what"].startswith("a name") for fields in said):
            request["QueueName"] = f"renamed-{number}" + (".fifo" if request["Attributes"].get("FifoQueue") else "")
        text = json.dumps(request).replace("arn:aws:sqs:us-east-1:000000000000:", "arn:aws:sqs:us-east-1:123456789012:")
        try:
            client.create_queue(**json.loads(text))
        except Exception as error:
            check(False, f"{what}: create_queue: {error}: {text}")
            continue
        url = client.get_queue_url(QueueName=request["QueueName"])["QueueUrl"]
        file = folder / "export/sqs" / trees[own][1] / "send-messages.jsonl"
        batches = [json.loads(line) for line in file.open()] if file.exists() else []
        client.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "0", "ReceiveMessageWaitTimeSeconds": "0", "VisibilityTimeout": "43200"})
        sent += sum(len(batch["Entries"]) for batch in batches)
        # moto counts all messages at each send: of a long queue the first 300 go through it, all are compared as they stand.
        is_cut = len(batches) > 30
        whole, batches = batches, batches[:30]
        for batch in batches:
            entries = batch["Entries"]
            check(1 <= len(entries) <= 10, f"{what}: {len(entries)} entries")
            for entry in entries:
                entry.pop("DelaySeconds", None)
                for attribute in entry.get("MessageAttributes", {}).values():
                    if "BinaryValue" in attribute:
                        attribute["BinaryValue"] = base64.b64decode(attribute["BinaryValue"])
            try:
                answer = client.send_message_batch(QueueUrl=url, Entries=entries)
                check(not answer.get("Failed"), f"{what}: {answer.get('Failed')}")
            except Exception as error:
                check(False, f"{what}: send_message_batch: {error}")
        found, is_fifo = [], "FifoQueue" in request["Attributes"]
        while len(found) < sum(len(batch["Entries"]) for batch in batches):
            answer = client.receive_message(QueueUrl=url, WaitTimeSeconds=1, MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"]).get("Messages", [])
            if not answer:  # what was not taken was told above
                break
            found += answer
            client.delete_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(answer)])
        # The first 100 of all are named, the others counted.
        refused = [line["message_id"] for line in trees[own][0] if is_refused(line)]
        check({fields["message_id"] for fields in left if fields["queue"] == own} <= set(refused), f"{what}: messages were named that can be sent")
        all_refused += len(refused)
        wanted = [line for line in trees[own][0] if line["message_id"] not in refused]
        check(len(wanted) + len(refused) == len(trees[own][0]), f"{what}: {len(refused)} messages were named")
        if is_cut:
            have = [json.dumps([e["MessageBody"], sorted(attributes(e.get("MessageAttributes")).items())]) for batch in whole for e in batch["Entries"]]
            check(have == [json.dumps([body_of(line), sorted(attributes(line.get("message_attributes")).items())]) for line in wanted], f"{what}: entries of the whole queue")
            wanted = wanted[:300]
        if is_fifo:
            wanted.sort(key=lambda line: line["sequence_number"])
            check(len(found) == len(wanted) and len({m["Attributes"]["MessageDeduplicationId"] for m in found}) == len(found), f"{what}: {len(found)} messages of {len(wanted)}")
            groups = lambda messages, group, body: {g: [body(m) for m in messages if group(m) == g] for g in map(group, messages)}
            check(groups(found, lambda m: m["Attributes"]["MessageGroupId"], lambda m: m["Body"]) == groups(wanted, lambda m: m["message_group_id"], body_of), f"{what}: order of groups")
            ids = {m["Attributes"]["MessageDeduplicationId"] for m in found}
            other = [line for line in wanted if line.get("message_deduplication_id") and line["message_deduplication_id"] not in ids]
            check(not other, f"{what}: deduplication ids {other[:1]}")
            check(sum(line["message_id"] in ids and line.get("message_deduplication_id") != line["message_id"] for line in wanted) == renamed.get(own, 0), f"{what}: {renamed.get(own)} ids named")
        one = lambda body, given: json.dumps([body, sorted(attributes(given).items())])
        have = sorted(one(m["Body"], m.get("MessageAttributes")) for m in found)
        want = sorted(one(body_of(line), line.get("message_attributes")) for line in wanted)
        check(have == want, f"{what}: {len(have)} messages of {len(want)}: {[x for x in have if x not in want][:1]} {[x for x in want if x not in have][:1]}")
        if own in truths and not is_cut:
            truth = truths[own]
            check(len(truth["messages"]) == len(found) + len(refused), f"truth {own}: {len(truth['messages'])} messages, {len(found)} and {len(refused)} named")
            have = sorted((base64.b64encode(m["Body"].encode()).decode(), json.dumps(sorted(attributes(m.get("MessageAttributes")).items()))) for m in found)
            for message in truth["messages"]:
                if message["message_id"] in refused:
                    continue
                key = (message["body"], json.dumps(sorted(attributes(message.get("attributes")).items())))
                check(key in have, f"truth {own}: {str(key)[:200]} is not there")
                if key in have:
                    have.remove(key)
            check(client.list_queue_tags(QueueUrl=url).get("Tags", {}) == truth["tags"], f"truth {own}: tags")
            given = request["Attributes"]
            policies = lambda text: {**({"maxReceiveCount": 10} if "deadLetterTargetArn" in text else {}), **{name: value for name, value in json.loads(text).items() if name in ("deadLetterTargetArn", "maxReceiveCount", "redrivePermission", "sourceQueueArns")}}
            for name, value in truth["attributes"].items():
                if name in ("CreatedTimestamp", "LastModifiedTimestamp", "QueueArn") or (name in ("FifoQueue", "ContentBasedDeduplication") and value == "false"):
                    continue
                if name.startswith("Throttle") or name == "PartitionCount" or (name not in given and any(f["queue"] == own for f in said)):
                    continue
                if name.endswith("Policy"):
                    check(name in given and policies(given[name]) == policies(value), f"truth {own}: {name} {given.get(name)} of {value}")
                else:
                    check(given.get(name) == value, f"truth {own}: {name} {given.get(name)} of {value}")
    counted = sum(fields["count"] for fields in named(outcome, "export_sqs_messages"))
    check(all_refused == outcome["warning_counts"].get("export_sqs_message", 0), f"{capture}: {all_refused} messages cannot be sent, {outcome['warning_counts'].get('export_sqs_message')} were counted")
    check(counted == sent, f"{capture}: {sent} messages sent, {counted} named")
    mock.stop()
end()
