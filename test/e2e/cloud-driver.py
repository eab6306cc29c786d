#!/usr/bin/env python3
"""A cloud in small, as a driver program: machines of examples/driver-namespaces.py on a network of the cloud's own, which
has nothing to do with the cluster's bridge. What its DHCP server would say is put before each machine's boot.

    cloud-driver.py EXAMPLE STATE BRIDGE NETWORK VERB     NETWORK: the first three numbers of its /24
"""

import hashlib
import json
import subprocess
import sys

example, state, bridge, network, verb = sys.argv[1:]


def address_of(machine_id):
    return f"{network}.{10 + int(hashlib.sha256(machine_id.encode()).hexdigest(), 16) % 200}"


def dhcp(machine_id, boot):
    lines = [
        f"ip address add {address_of(machine_id)}/24 dev eth0",
        "ip link set eth0 up",
        f"ip route add default via {network}.1",
    ]
    first, rest = boot.split("\n", 1)
    return "\n".join([first, *lines, rest])


question = json.load(sys.stdin)
machine = question.get("machine")
if machine:
    # The cluster's guard lets nothing pass from a port of a cluster that is nobody's, on whatever bridge it is.
    machine["nic"]["port"] = "cld" + machine["nic"]["port"][3:]
    machine["nic"]["bridge"] = bridge
    machine["nic"]["mac"] = "06" + machine["nic"]["mac"][2:]
    for file in machine["seed"]:
        if file["path"] == "boot":
            file["content"] = dhcp(machine["id"], file["content"])
command = [example, "--state", state, verb]
done = subprocess.run(command, input=json.dumps(question), capture_output=True, text=True)
sys.stderr.write(done.stderr)
answer = json.loads(done.stdout) if done.stdout else None
for one in [answer.get("machine")] if verb == "create" and answer else (answer or {}).get("machines", []):
    if one:
        one["address"] = address_of(one["id"])
if answer is not None:
    print(json.dumps(answer))
sys.exit(done.returncode)
