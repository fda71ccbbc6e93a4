"""What the loaders share: running the binary, servers that are ended whatever happens, and differences."""
import atexit, json, pathlib, socket, subprocess, sys, time, urllib.request

binary, captures, work = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
checked, differences = 0, []


def snapshots(capture):
    """The inputs of a capture, with what its files are opened with."""
    folder = captures / capture
    inputs = sorted(folder.glob("*.fsm*")) or sorted(folder.glob("group-*")) or sorted(folder.glob("n1"))
    keys = ["--kek-file", folder / "kek.bin"] if (folder / "kek.bin").exists() else []
    return [*map(str, inputs), *map(str, keys)]


def run(*arguments, **options):
    """Runs the binary; returns its JSON. Exit 1 is of objects that are missing."""
    done = subprocess.run([binary, *map(str, arguments), "--json", "-q"], capture_output=True, **options)
    if done.returncode not in (0, 1):
        sys.exit(f"{arguments}: exit {done.returncode}: {done.stderr.decode()}")
    return json.loads(done.stdout), done


def check(same, what):
    global checked
    checked += 1
    if not same:
        differences.append(what)
        print("differs:", what)


def named(outcome, event):
    """The warnings of an event."""
    return [warning["fields"] for warning in outcome["warnings"] if warning["event"] == event]


def server(command, port, log):
    """Starts a server on loopback and waits for its port."""
    process = subprocess.Popen(command, stdout=open(log, "wb"), stderr=subprocess.STDOUT)
    atexit.register(lambda: (process.terminate(), process.wait()))
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
        if process.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(f"{command[0]} does not start: {open(log).read()[-500:]}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def end():
    print(f"{checked} checked, {len(differences)} differences")
    sys.exit(bool(differences) or not checked)
