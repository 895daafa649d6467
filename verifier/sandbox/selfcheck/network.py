"""Can a box reach anything over a network?

The host listens meanwhile, on every address it has, and says what it heard.
"""

from __future__ import annotations

from verifier.sandbox.selfcheck.judging import NO_WAY, only, refused, through, unheard
from verifier.sandbox.selfcheck.probe import Family, Probe

NETWORK = Family(
    name="network",
    title="Network",
    probes=(
        Probe(
            id="net-tcp",
            wall="own network",
            tries="connect to a server of the host, at every address it has, over TCP",
            source="""
for address in given["addresses"]:
    attempt("to " + address, lambda: socket.create_connection((address, given["tcp"]),
        1).send(b"x"))
""",
            judge=unheard(refused("to 127.0.0.1", by=NO_WAY), "tcp"),
        ),
        Probe(
            id="net-udp",
            wall="own network",
            tries="send a datagram to a server of the host, at every address it has",
            source="""
def datagram(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"x", (address, given["udp"]))
for address in given["addresses"]:
    attempt("to " + address, datagram, address)
""",
            # On a loopback of its own a datagram goes out to nobody: only the host knows.
            judge=unheard(through("to 127.0.0.1"), "udp"),
        ),
        Probe(
            id="net-ipv6",
            wall="own network",
            tries="connect to a server of the host over IPv6",
            source="""
for address in given["addresses6"]:
    attempt("to " + address, lambda: socket.create_connection((address, given["tcp6"]),
        1).send(b"x"))
""",
            judge=unheard(refused("to ::1", by=NO_WAY), "tcp6"),
            needs="ipv6",
        ),
        Probe(
            id="net-names",
            wall="own network",
            tries="look up a name, and ask name servers for it",
            source="""
def question(server):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        question = b"\\x07example\\x03com\\x00\\x00\\x01\\x00\\x01"
        s.sendto(b"\\x00\\x07\\x01\\x00\\x00\\x01" + bytes(6) + question, (server, 53))
attempt("name", socket.getaddrinfo, "example.com", 80)
for server in ("1.1.1.1", "8.8.8.8", "9.9.9.9", *given["servers"]):
    attempt("ask " + server, question, server)
""",
            judge=refused("name", "ask 1.1.1.1", by=NO_WAY),
        ),
        Probe(
            id="net-metadata",
            wall="own network",
            tries="reach the address where clouds tell machines their secrets",
            source="""
def datagram():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"x", ("169.254.169.254", 80))
attempt("connect", lambda: socket.create_connection(("169.254.169.254", 80), 1).getpeername())
attempt("send", datagram)
""",
            judge=refused("connect", "send", by=NO_WAY),
        ),
        Probe(
            id="net-raw",
            wall="capabilities",
            tries="open raw and packet sockets",
            source="""
for name, family, kind, protocol in (("ICMP", 2, 3, 1), ("ICMPv6", 10, 3, 58), ("any IP", 2, 3,
    255),
                                     ("frames", 17, 3, 768), ("cooked frames", 17, 2, 768)):
    attempt(name, lambda: socket.socket(family, kind, protocol).fileno())
""",
            judge=refused("ICMP", "frames", by=NO_WAY),
        ),
        Probe(
            id="net-interfaces",
            wall="own network",
            tries="see an interface other than a loopback",
            source="""
try:
    names = sorted(name for _, name in socket.if_nameindex())
except OSError:
    names = []
note("interfaces", "only its own" if names in ([], ["lo"]) else names)
""",
            judge=only("only its own", "interfaces"),
        ),
        Probe(
            id="net-routes",
            wall="capabilities",
            tries="add an address and a route over netlink",
            source="""
def request(kind, body):
    with socket.socket(16, 3, 0) as s:
        s.settimeout(2)
        s.bind((0, 0))
        s.send(struct.pack("=IHHII", 16 + len(body), kind, 0x605, 1, 0) + body)
        answer = s.recv(4096)
        number = -struct.unpack("=i", answer[16:20])[0]
        if number:
            raise OSError(number, "")
attempt("address", request, 20, struct.pack("=BBBBI", 2, 8, 0, 0, 1) + struct.pack("=HH", 8,
    2) + bytes((10, 9, 8, 7)))
attempt("route", request, 24, struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 254, 3, 0, 1,
    0) + struct.pack("=HHI", 8, 4, 1))
attempt("interface", request, 16, struct.pack("=BBHiII", 0, 0, 0, 1, 0, 1))
""",
            judge=refused("address", "route", "interface", by=NO_WAY),
        ),
        Probe(
            id="net-audit",
            wall="capabilities",
            tries="ask the kernel's audit, and add a rule to its firewall, over netlink",
            source="""
def request(protocol, kind, body):
    with socket.socket(16, 3, protocol) as s:
        s.settimeout(2)
        s.bind((0, 0))
        s.send(struct.pack("=IHHII", 16 + len(body), kind, 5, 1, 0) + body)
        answer = s.recv(4096)
        number = -struct.unpack("=i", answer[16:20])[0]
        if number:
            raise OSError(number, "")
attempt("audit", request, 9, 1000, b"")
attempt("firewall", request, 12, 0xa00, struct.pack("=BBH", 2, 0, 0))
""",
            judge=refused("audit", "firewall", by=NO_WAY),
        ),
        Probe(
            id="net-kernel-events",
            wall="own network",
            tries="hear what the kernel tells the host of its devices",
            source="""
heard = []
try:
    with socket.socket(16, 2, 15) as s:
        s.bind((0, 1))
        s.settimeout(1.5)
        open("/out/listening", "w").close()
        heard.append(s.recv(4096).split(b"\\0")[0].decode("utf-8", "replace"))
except OSError:
    pass
note("events", heard[0] if heard else "nothing")
""",
            judge=only("nothing", "events"),
            needs="events",
        ),
        Probe(
            id="net-vsock",
            wall="system call filter",
            tries="speak with the machine that this machine runs on (vsock)",
            source="""
for kind in (1, 2, 5):
    attempt(f"vsock {kind}", lambda: socket.socket(40, kind).fileno())
""",
            judge=refused("vsock 1", "vsock 2"),
        ),
        Probe(
            id="net-alg",
            wall="system call filter",
            tries="have the kernel's own ciphers work for it (AF_ALG)",
            source='attempt("alg", lambda: socket.socket(38, 5).fileno())',
            judge=refused("alg"),
        ),
        Probe(
            id="net-families",
            wall="system call filter",
            tries="open a socket of every other family that kernels know",
            source="""
for family in range(46):
    if family not in (1, 2, 10, 16):
        for kind in (1, 2, 3, 5):
            try:
                socket.socket(family, kind).close()
                note(f"family {family}", "did")
            except OSError as fault:
                if said.get(f"family {family}") != "did":
                    note(f"family {family}", errno.errorcode[fault.errno])
""",
            judge=refused("family 3", "family 17", "family 38", "family 45"),
        ),
    ),
)
