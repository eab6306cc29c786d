#!/usr/bin/env python3
"""Machines out of Linux namespaces on this host, as a driver program for Causeway (docs/driver-command.md).

    driver-namespaces.py --state DIR list|create|delete|console|capacity

A machine is a process tree in a network, mount, UTS, IPC and PID namespace of its own, with an overlay over the image (a
folder with a root file system) as its root, and a cable to the bridge. It runs the seed's `boot`. DIR/ID holds one: what it
is (machine.json), the process that it lives by (holder), that it began (started), what it printed (console.log), and the
layers of its root.
Needs root, iproute2 and util-linux; nothing beyond Python's standard library.
"""

import argparse
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

PROTOCOL = "causeway-driver/1"
ID_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
INVALID_REQUEST, IMAGE_MISSING, NO_ROOM = 64, 66, 73

# What runs in the fresh namespaces. It begins only when it is told to: if the driver was killed before it wrote down whom
# the machine lives by, nobody tells, and nothing is left. All that it prints after `started` goes to the console.
INIT = r"""
image=$1 folder=$2 name=$3
echo ready
read -r word && [ "$word" = go ] || exit 1
exec </dev/null
umask 022
mount -t overlay -o "lowerdir=$image,upperdir=$folder/upper,workdir=$folder/work" overlay "$folder/root"
cd "$folder/root"
mkdir -p proc sys dev run
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do : >dev/$device; mount --bind /dev/$device dev/$device; done
ln -s /proc/self/fd dev/fd
printf %s "$name" >proc/sys/kernel/hostname
ip link set lo up
mkdir run/old
pivot_root . run/old
umount -l /run/old
echo started
exec >&2
/var/lib/causeway/seed/boot || echo "boot ended with status $?"
while :; do sleep 1000 & wait $!; done
"""


class Failure(Exception):
    """Why the program ends with a status other than 0."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--state", required=True, type=Path, help="the folder that holds the machines")
    arguments.add_argument("verb")
    given = arguments.parse_args()
    os.umask(0o077)
    try:
        verb = VERBS.get(given.verb)
        if verb is None:
            raise Failure(INVALID_REQUEST, f"there is no command {given.verb}")
        answer = verb(given.state, read_question())
    except Failure as failure:
        print(json.dumps({"error": {"message": str(failure)}}))
        sys.exit(failure.status)
    print(json.dumps(answer))


def read_question():
    try:
        question = json.load(sys.stdin)
    except ValueError as error:
        raise Failure(INVALID_REQUEST, f"standard input is not a JSON document: {error}") from error
    if not isinstance(question, dict) or question.get("protocol") != PROTOCOL:
        raise Failure(INVALID_REQUEST, f"expected a document of {PROTOCOL}")
    return question


def part(document, key, kind):
    """A part of the question, which must be there and of its kind."""
    value = document.get(key)
    if not isinstance(value, kind):
        raise Failure(INVALID_REQUEST, f"the document has no proper `{key}`")
    return value


def check_id(value):
    if not isinstance(value, str) or not ID_FORM.fullmatch(value):
        raise Failure(INVALID_REQUEST, f"not the id of a machine: {value!r}")
    return value


# --- What there is ----------------------------------------------------------------------------------------------------


def list_machines(state, question):
    return {"machines": machines_of(state, part(question, "cluster", str))}


def machines_of(state, cluster):
    found = (describe(folder) for folder in sorted(state.glob("[A-Za-z0-9]*")))
    return [machine for machine in found if machine and machine["cluster"] == cluster]


def describe(folder):
    """A machine as the protocol has it; None when there is none (any more)."""
    try:
        stamped = json.loads((folder / "machine.json").read_text())
    except FileNotFoundError:
        return None
    machine = {key: stamped[key] for key in ("id", "name", "cluster", "createdAtMs")}
    return {**machine, "state": "running" if runs(folder) else "stopped"}


def runs(folder):
    """Whether a machine lives and has been told to begin: one whose driver was killed before that is about to end."""
    return (folder / "started").exists() and holder_of(folder) is not None


def holder_of(folder):
    """The process that a machine lives by; None when it does not live."""
    try:
        pid, started = (folder / "holder").read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    return int(pid) if start_time(pid) == started else None


def start_time(pid):
    """When a process was started: with its number, this tells it from every other; None when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[19]


def console(state, question):
    try:
        printed = (state / check_id(question.get("id")) / "console.log").read_bytes()
    except FileNotFoundError:
        return {"console": ""}
    return {"console": printed[-65536:].decode(errors="ignore")}


def capacity(state, question):
    memory = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    mebibytes = {key: int(memory[key].split()[0]) // 1024 for key in ("MemTotal", "MemAvailable")}
    host = {
        "host": part(question, "site", str),
        "cpus": os.cpu_count(),
        "memoryMiB": mebibytes["MemTotal"],
        "freeMemoryMiB": mebibytes["MemAvailable"],
        "machines": len(machines_of(state, part(question, "cluster", str))),
    }
    return {"hosts": [host]}


# --- Making and removing ----------------------------------------------------------------------------------------------


def lock(state, machine_id):
    """Keeps other calls from the same machine until this program ends."""
    folder = state / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    # A few files that stay, rather than one for each machine that there ever was.
    descriptor = os.open(folder / f"{zlib.crc32(machine_id.encode()) % 64:02}", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def create(state, question):
    spec = part(question, "machine", dict)
    machine_id = check_id(spec.get("id"))
    check_spec(spec)
    lock(state, machine_id)
    folder = state / machine_id
    if runs(folder):
        return {"machine": describe(folder)}
    if part(question, "site", str) in spec.get("avoidHosts", []):
        raise Failure(NO_ROOM, "the only host is to be avoided")
    if not (Path(spec["image"]) / "bin/sh").exists():
        raise Failure(IMAGE_MISSING, f"there is no root file system in {spec['image']}")
    wipe(folder)
    make_folder(state, folder, spec)
    start(folder, spec)
    return {"machine": describe(folder)}


def check_spec(spec):
    for key in ("name", "cluster", "image"):
        part(spec, key, str)
    nic = part(spec, "nic", dict)
    for key, kind in (("mac", str), ("port", str), ("bridge", str), ("mtu", int)):
        part(nic, key, kind)
    for file in part(spec, "seed", list):
        for key, kind in (("path", str), ("content", str), ("mode", int)):
            part(file, key, kind)


def make_folder(state, folder, spec):
    """The folder appears under its name with all that it must have."""
    new = state / f".new-{spec['id']}"
    shutil.rmtree(new, ignore_errors=True)
    seed = new / "upper/var/lib/causeway/seed"
    seed.mkdir(parents=True)
    for path in (new / "upper", *seed.parents[:3]):
        path.chmod(0o755)
    for file in spec["seed"]:
        path = (seed / file["path"]).resolve()
        if seed not in path.parents:
            raise Failure(INVALID_REQUEST, f"a file of the seed leaves its folder: {file['path']}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file["content"])
        path.chmod(file["mode"])
    for name in ("work", "root"):
        (new / name).mkdir()
    stamped = {key: spec[key] for key in ("id", "name", "cluster")}
    stamped |= {"createdAtMs": time.time_ns() // 1_000_000, "port": spec["nic"]["port"]}
    (new / "machine.json").write_text(json.dumps(stamped))
    new.rename(folder)


def start(folder, spec):
    nic = spec["nic"]
    namespaces = ["--net", "--uts", "--mount", "--ipc", "--pid", "--fork", "--kill-child=KILL", "--propagation", "private"]
    command = ["unshare", *namespaces, "/bin/sh", "-euc", INIT, "init", spec["image"], str(folder), spec["name"]]
    with open(folder / "console.log", "wb") as printed:
        holder = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=printed, start_new_session=True, text=True
        )
    (folder / "holder").write_text(f"{holder.pid} {start_time(holder.pid)}")
    if holder.stdout.readline() == "ready\n":
        port = ["name", nic["port"], "mtu", str(nic["mtu"])]
        eth0 = ["name", "eth0", "address", nic["mac"], "mtu", str(nic["mtu"]), "netns", str(holder.pid)]
        run("ip", "link", "add", *port, "type", "veth", "peer", *eth0)
        run("ip", "link", "set", nic["port"], "master", nic["bridge"], "up")
        holder.stdin.write("go\n")
        holder.stdin.close()
        if holder.stdout.readline() == "started\n":
            (folder / "started").touch()
            return
    raise Failure(1, f"the machine did not start: {(folder / 'console.log').read_text()[-500:]}")


def delete(state, question):
    machine_id = check_id(question.get("id"))
    lock(state, machine_id)
    shutil.rmtree(state / f".new-{machine_id}", ignore_errors=True)
    wipe(state / machine_id)
    return {}


def wipe(folder):
    """Removes all of a machine; what says that it exists goes last."""
    if not folder.exists():
        return
    power_off(folder)
    port = json.loads((folder / "machine.json").read_text())["port"]
    # The kernel takes a network namespace down in its own time; the next machine may want the port now.
    if Path(f"/sys/class/net/{port}").exists():
        subprocess.run(["ip", "link", "delete", port], stderr=subprocess.DEVNULL, check=False)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "machine.json":
            path.unlink()
    shutil.rmtree(folder)


def power_off(folder):
    deadline = time.monotonic() + 20
    while pid := holder_of(folder):
        if time.monotonic() > deadline:
            raise Failure(1, f"process {pid} goes on")
        # With the machine's init the kernel kills all that runs in it; the holder ends after the last of them.
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        for victim in children or [pid]:
            try:
                os.kill(int(victim), signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.01)


def run(*command):
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise Failure(1, f"{' '.join(command[:4])}: {result.stderr.strip()}")


VERBS = {"list": list_machines, "create": create, "delete": delete, "console": console, "capacity": capacity}

if __name__ == "__main__":
    main()
