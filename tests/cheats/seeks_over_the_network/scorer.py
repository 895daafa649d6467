"""Tries to reach anybody: names, the internet, the host, the metadata service, the engine."""

import contextlib
import socket

from seeking import Seeking

ADDRESSES = (
    ("1.1.1.1", 53),
    ("8.8.8.8", 443),
    ("169.254.169.254", 80),
    ("172.17.0.1", 2375),
    ("10.0.0.1", 80),
    ("192.168.0.1", 80),
)
NAMES = ("pypi.org", "github.com", "host.docker.internal")


class Scorer(Seeking):
    def seek(self) -> list[str]:
        found = []
        for address in ADDRESSES:
            with contextlib.suppress(OSError), socket.create_connection(address, 0.2):
                found.append(f"connected to {address}")
            with contextlib.suppress(OSError), socket.socket(type=socket.SOCK_DGRAM) as stream:
                stream.sendto(b"?", address)
                found.append(f"sent to {address}")
        for name in NAMES:
            with contextlib.suppress(OSError):
                found.append(f"{name} is {socket.gethostbyname(name)}")
        with contextlib.suppress(OSError):
            socket.socket(socket.AF_INET6).connect(("2606:4700:4700::1111", 53))
            found.append("connected over IPv6")
        return found
