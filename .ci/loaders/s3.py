"""S3: the plan carried out object by object, multipart where it lists parts, and as s5cmd and rclone are told it; every object
read back and compared with truth.json: body, ETag, headers, metadata. The service is moto's."""
import base64, hashlib, json, os, re, shutil, subprocess
import boto3
from common import *
from moto import mock_aws

CAPTURES = os.environ.get("CAPTURES", "").split() or ["s3", "s3-multipart", "s3-offload", "shop", "cluster"]
os.environ.update(AWS_ACCESS_KEY_ID="k", AWS_SECRET_ACCESS_KEY="s", AWS_DEFAULT_REGION="us-east-1", S3_UPLOAD_PART_MIN_SIZE="1")
HEADERS = {"Content-Type": "ContentType", "Content-Encoding": "ContentEncoding", "Cache-Control": "CacheControl", "Content-Disposition": "ContentDisposition"}

def by_tool(tool, capture, folder, plan, names, said):
    """Carries the lines of a tool out, and compares what is there then."""
    port = free_port()
    process = server(["moto_server", "-H", "127.0.0.1", "-p", str(port)], port, folder / f"log-{tool}")
    endpoint = f"http://127.0.0.1:{port}"
    client = boto3.client("s3", endpoint_url=endpoint)
    for name in names.values():
        client.create_bucket(Bucket=name)
    path = folder / "export" / ("s5cmd.txt" if tool == "s5cmd" else "rclone.sh")
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    # Not all names of buckets are such as the service takes.
    at = r"(?<='s3://)([^/]*)(?=/)" if tool == "s5cmd" else r"(?<=\"\$REMOTE\"':)([^/]*)(?=/)"
    path.write_bytes(re.sub(at, lambda found: names[found[1]], text).encode("utf-8", "surrogateescape"))
    if tool == "s5cmd":
        command, more = ["s5cmd", "--endpoint-url", endpoint, "run", path.name], {}
    else:
        command = ["sh", path.name]
        more = {"REMOTE": "here", "RCLONE_CONFIG_HERE_TYPE": "s3", "RCLONE_CONFIG_HERE_PROVIDER": "Other", "RCLONE_CONFIG_HERE_ENDPOINT": endpoint, "RCLONE_CONFIG_HERE_ACCESS_KEY_ID": "k", "RCLONE_CONFIG_HERE_SECRET_ACCESS_KEY": "s", "RCLONE_CONFIG": "/dev/null"}
    done = subprocess.run(command, cwd=folder / "export", capture_output=True, text=True, env={**{name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}, **more})
    check(done.returncode == 0, f"{capture}: {tool}: {done.stderr[-500:]}")
    sent = 0
    for line in plan:
        what = f"{capture} {tool} {line['bucket']}/{line['key'][:60]!r}"
        told = [fields["what"] for fields in said if fields["bucket"] == line["bucket"] and fields["key"][:60] == line["key"][:60] and (fields["what"].startswith(tool) or ":" not in fields["what"])]
        if any("parts of other sizes" not in reason for reason in told) or "key_base64" in line:
            continue
        try:
            found = client.get_object(Bucket=names[line["bucket"]], Key=line["key"])
        except Exception as error:
            check(False, f"{what}: {error}")
            continue
        sent += 1
        check(found["Body"].read() == (folder / "export" / line["file"]).read_bytes(), f"{what}: body")
        check(told or found["ETag"].strip('"') == line["etag"], f"{what}: ETag {found['ETag']} of {line['etag']}")
        metadata = {name: value for name, value in found["Metadata"].items() if tool != "rclone" or name != "mtime"}
        check({n.lower(): v for n, v in metadata.items()} == {n.lower(): v for n, v in line["metadata"].items()}, f"{what}: metadata {metadata} of {line['metadata']}")
        for header, value in line["headers"].items():
            check(found.get(HEADERS[header]) == value, f"{what}: {header} {found.get(HEADERS[header])} of {value}")
    print(f"{capture}: {sent} objects by {tool}")
    process.terminate()
    process.wait()


for capture in CAPTURES:
    folder = work / capture
    folder.mkdir()
    outcome, _ = run("export", *snapshots(capture), "--to", "s3", "--s5cmd", "--rclone", "-o", folder / "export")
    mock = mock_aws()
    mock.start()
    client = boto3.client("s3")
    problems = {(p["scope"], base64.urlsafe_b64decode(p["key"] + "==")) for p in outcome["problems_list"]}
    names = {}
    for number, line in enumerate((folder / "export/create-buckets.jsonl").open()):
        bucket = json.loads(line)["Bucket"]
        names[bucket] = f"bucket-{number}"
        client.create_bucket(Bucket=names[bucket])
    all_said = named(outcome, "export_s3_object")
    plan = [json.loads(line) for line in (folder / "export/upload.jsonl").open()]
    files = {str(path.relative_to(folder / "export")) for path in (folder / "export/s3").rglob("*") if path.is_file()} if (folder / "export/s3").exists() else set()
    for line in plan:
        if "file_base64" in line:
            line["file"] = os.fsdecode(base64.b64decode(line["file_base64"]))
    said = {(fields["bucket"], bytes.fromhex(fields["key_hex"]) if "key_hex" in fields else fields["key"].encode()) for fields in all_said if ":" not in fields["what"]}
    is_said = lambda line: any(bucket == line["bucket"] and key[:60] == line["key"].encode()[:60] for bucket, key in said) or "key_base64" in line
    check(files == {line["file"] for line in plan}, f"{capture}: files without a line: {sorted(files - {line['file'] for line in plan})[:3]}")
    renamed = 0
    for line in plan:
        what = f"{capture} {line['bucket']}/{line['key'][:60]!r}"
        renamed += line["file"] != f"s3/{line['bucket']}/{line['key']}"
        body = (folder / "export" / line["file"]).read_bytes()
        if "key_base64" in line:
            # No request can name it.
            line["key"] = base64.b64decode(line["key_base64"]).decode("utf-8", "backslashreplace")
        extra = {HEADERS[name]: value for name, value in line["headers"].items()}
        target = {"Bucket": names[line["bucket"]], "Key": line["key"]}
        try:
            if "parts" in line:
                check(sum(line["parts"]) == len(body) == line["size"], f"{what}: parts {line['parts']} of {len(body)} bytes")
                upload = client.create_multipart_upload(**target, **extra, Metadata=line["metadata"])["UploadId"]
                parts, at = [], 0
                for number, length in enumerate(line["parts"], 1):
                    answer = client.upload_part(**target, UploadId=upload, PartNumber=number, Body=body[at : at + length])
                    parts.append({"PartNumber": number, "ETag": answer["ETag"]})
                    at += length
                client.complete_multipart_upload(**target, UploadId=upload, MultipartUpload={"Parts": parts})
            else:
                client.put_object(**target, **extra, Metadata=line["metadata"], Body=body)
        except Exception as error:
            check(is_said(line), f"{what}: upload: {error}")
            line["failed"] = True
            continue
        found = client.get_object(**target)
        check(found["Body"].read() == body, f"{what}: body")
        check(found["ETag"].strip('"') == line["etag"], f"{what}: ETag {found['ETag']} of {line['etag']}, parts {line.get('parts')}")
    truth = json.loads((captures / capture / "truth.json").read_bytes())
    for bucket in truth["buckets"] if "buckets" in truth else []:
        lines = {base64.b64decode(line["key_base64"]) if "key_base64" in line else line["key"].encode(): line for line in plan if line["bucket"] == bucket["name"]}
        check(bucket["name"] in names, f"truth {bucket['name']}: no request")
        for wanted in bucket["objects"]:
            key = base64.b64decode(wanted["key"])
            what = f"truth {bucket['name']}/{key[:60]!r}"
            if key not in lines:
                check((bucket["name"], key) in problems, f"{what}: not there, and no problem")
                continue
            if "failed" in lines[key]:
                continue
            found = client.get_object(Bucket=names[bucket["name"]], Key=lines[key]["key"])
            check(hashlib.sha256(found["Body"].read()).hexdigest() == wanted["sha256"], f"{what}: body")
            for header, member in [("content_encoding", "ContentEncoding"), ("cache_control", "CacheControl"), ("content_disposition", "ContentDisposition")]:
                if wanted.get(header):
                    check(found.get(member) == wanted[header], f"{what}: {header} {found.get(member)} of {wanted[header]}")
            lower = lambda metadata: {name.lower(): value for name, value in metadata.items()}
            check(is_said(lines[key]) or lower(found["Metadata"]) == lower(wanted["user_metadata"]), f"{what}: metadata {found['Metadata']} of {wanted['user_metadata']}")
        check(len(lines) <= len(bucket["objects"]), f"truth {bucket['name']}: {len(lines)} objects of {len(bucket['objects'])}")
    print(f"{capture}: {len(plan)} objects, {renamed} files of another name")
    mock.stop()
    for tool in filter(shutil.which, ["s5cmd", "rclone"] if plan else []):
        by_tool(tool, capture, folder, plan, names, all_said)
end()
