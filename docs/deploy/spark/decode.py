"""Decodes snapshots of elastickv in shares, as tasks of Apache Spark, and opens the tables as DataFrames.

    spark-submit --conf spark.task.maxFailures=4 decode.py --binary /opt/ekv-backup --shares 16 \
        --work /mnt/shared/shares --output /mnt/shared/dump -- /mnt/shared/snap.fsm --dynamodb-layout jsonl

Inputs and options behind `--` are those of `ekv-backup decode`. Binary, inputs and the directories of `--work` and `--output`
have to be at the same paths on all executors: a shared file system.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import time

from pyspark.sql import SparkSession


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="ekv-backup")
    parser.add_argument("--shares", type=int, required=True, help="a few for each core of the cluster")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="where shares are kept until they are merged")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="the dump, which must not exist")
    parser.add_argument("decode", nargs="+", help="inputs and options of decode")
    return parser.parse_args()


def run(command, epoch):
    """Runs the program: exit codes 0 and 1 are a dump, without and with problems; all others are a task that failed."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch}
    done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, errors="replace")
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr[-4000:]}")
    return done.returncode


def main():
    asked = arguments()
    binary, decode, count = asked.binary, asked.decode, asked.shares
    asked.work.mkdir(parents=True, exist_ok=True)
    shares = [str(asked.work / f"share-{index}") for index in range(count)]
    # All shares are of one time, whenever their tasks run or run again.
    epoch = str(int(time.time()))

    def share(index):
        # A task that is run again replaces what the first try may have finished; what it has not is not there.
        command = [binary, "decode", *decode, "--quiet", "--force"]
        return run([*command, "--shard", f"{index}/{count}", "--output", shares[index]], epoch)

    spark = SparkSession.builder.appName("ekv-backup").getOrCreate()
    worst = spark.sparkContext.parallelize(range(count), count).map(share).max()
    run([binary, "merge", "--quiet", "--output", str(asked.output), *shares], epoch)
    for path in shares:
        shutil.rmtree(path)
    for table in sorted(asked.output.glob("dynamodb/*/items")):
        if any(table.glob("*.jsonl")):
            items = spark.read.json(str(table / "*.jsonl"))
            print(f"{table.parent.name}: {items.count()} items, attributes {', '.join(items.columns)}", flush=True)
    spark.stop()
    return worst


if __name__ == "__main__":
    sys.exit(main())
