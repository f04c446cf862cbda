"""libzmq's constants by name, and which type of value each socket option takes.

libzmq can be asked for none of these at run time; they are part of its stable binary interface.
"""

from __future__ import annotations

import errno
from types import MappingProxyType
from typing import Literal

__all__ = [
    "CONSTANTS",
    "DRAFT_TYPES",
    "EFSM",
    "ENOCOMPATPROTO",
    "ERROR_NAMES",
    "ETERM",
    "OPTION_TYPES",
    "SOCKET_TYPES",
    "ValueType",
]

ValueType = Literal["int", "int64", "uint64", "bytes", "str"]

SOCKET_TYPES: dict[str, int] = {
    "pair": 0, "pub": 1, "sub": 2, "req": 3, "rep": 4, "dealer": 5, "router": 6, "pull": 7,
    "push": 8, "xpub": 9, "xsub": 10, "stream": 11, "server": 12, "client": 13, "radio": 14,
    "dish": 15, "gather": 16, "scatter": 17, "dgram": 18, "peer": 19, "channel": 20,
}  # fmt: skip

DRAFT_TYPES = frozenset(name for name, number in SOCKET_TYPES.items() if number >= 12)

_OPTIONS: dict[ValueType, dict[str, int]] = {
    "int": {
        "RATE": 8, "RECOVERY_IVL": 9, "SNDBUF": 11, "RCVBUF": 12, "RCVMORE": 13, "FD": 14,
        "EVENTS": 15, "TYPE": 16, "LINGER": 17, "RECONNECT_IVL": 18, "BACKLOG": 19,
        "RECONNECT_IVL_MAX": 21, "SNDHWM": 23, "RCVHWM": 24, "MULTICAST_HOPS": 25, "RCVTIMEO": 27,
        "SNDTIMEO": 28, "ROUTER_MANDATORY": 33, "TCP_KEEPALIVE": 34, "TCP_KEEPALIVE_CNT": 35,
        "TCP_KEEPALIVE_IDLE": 36, "TCP_KEEPALIVE_INTVL": 37, "IMMEDIATE": 39, "XPUB_VERBOSE": 40,
        "ROUTER_RAW": 41, "IPV6": 42, "MECHANISM": 43, "PLAIN_SERVER": 44, "CURVE_SERVER": 47,
        "PROBE_ROUTER": 51, "REQ_CORRELATE": 52, "REQ_RELAXED": 53, "CONFLATE": 54,
        "ROUTER_HANDOVER": 56, "TOS": 57, "GSSAPI_SERVER": 62, "GSSAPI_PLAINTEXT": 65,
        "HANDSHAKE_IVL": 66, "XPUB_NODROP": 69, "XPUB_MANUAL": 71, "STREAM_NOTIFY": 73,
        "INVERT_MATCHING": 74, "HEARTBEAT_IVL": 75, "HEARTBEAT_TTL": 76, "HEARTBEAT_TIMEOUT": 77,
        "XPUB_VERBOSER": 78, "CONNECT_TIMEOUT": 79, "TCP_MAXRT": 80, "THREAD_SAFE": 81,
        "MULTICAST_MAXTPDU": 84, "VMCI_CONNECT_TIMEOUT": 88, "USE_FD": 89,
        "GSSAPI_PRINCIPAL_NAMETYPE": 90, "GSSAPI_SERVICE_PRINCIPAL_NAMETYPE": 91,
        "ZAP_ENFORCE_DOMAIN": 93, "LOOPBACK_FASTPATH": 94, "MULTICAST_LOOP": 96,
        "ROUTER_NOTIFY": 97, "XPUB_MANUAL_LAST_VALUE": 98, "IN_BATCH_SIZE": 101,
        "OUT_BATCH_SIZE": 102, "WSS_TRUST_SYSTEM": 107, "ONLY_FIRST_SUBSCRIBE": 108,
        "RECONNECT_STOP": 109, "PRIORITY": 112,
    },
    "int64": {"MAXMSGSIZE": 22},
    "uint64": {
        "AFFINITY": 4, "VMCI_BUFFER_SIZE": 85, "VMCI_BUFFER_MIN_SIZE": 86,
        "VMCI_BUFFER_MAX_SIZE": 87,
    },
    "bytes": {
        "ROUTING_ID": 5, "SUBSCRIBE": 6, "UNSUBSCRIBE": 7, "CONNECT_ROUTING_ID": 61,
        "XPUB_WELCOME_MSG": 72, "METADATA": 95, "HELLO_MSG": 110, "DISCONNECT_MSG": 111,
    },
    "str": {
        "LAST_ENDPOINT": 32, "PLAIN_USERNAME": 45, "PLAIN_PASSWORD": 46, "CURVE_PUBLICKEY": 48,
        "CURVE_SECRETKEY": 49, "CURVE_SERVERKEY": 50, "ZAP_DOMAIN": 55, "GSSAPI_PRINCIPAL": 63,
        "GSSAPI_SERVICE_PRINCIPAL": 64, "SOCKS_PROXY": 68, "BINDTODEVICE": 92,
        "SOCKS_USERNAME": 99, "SOCKS_PASSWORD": 100, "WSS_KEY_PEM": 103, "WSS_CERT_PEM": 104,
        "WSS_TRUST_PEM": 105, "WSS_HOSTNAME": 106,
    },
}  # fmt: skip

_EVENTS = {
    "CONNECTED": 0x0001, "CONNECT_DELAYED": 0x0002, "CONNECT_RETRIED": 0x0004,
    "LISTENING": 0x0008, "BIND_FAILED": 0x0010, "ACCEPTED": 0x0020, "ACCEPT_FAILED": 0x0040,
    "CLOSED": 0x0080, "CLOSE_FAILED": 0x0100, "DISCONNECTED": 0x0200, "MONITOR_STOPPED": 0x0400,
    "HANDSHAKE_FAILED_NO_DETAIL": 0x0800, "HANDSHAKE_SUCCEEDED": 0x1000,
    "HANDSHAKE_FAILED_PROTOCOL": 0x2000, "HANDSHAKE_FAILED_AUTH": 0x4000,
}  # fmt: skip

OPTION_TYPES: dict[int, tuple[str, ValueType]] = {
    number: (f"ZMQ_{name}", kind)
    for kind, names in _OPTIONS.items()
    for name, number in names.items()
}
"""Socket option number to its name and type."""

CONSTANTS: MappingProxyType[str, int] = MappingProxyType(
    {f"ZMQ_{name.upper()}": number for name, number in SOCKET_TYPES.items()}
    | {name: number for number, (name, _) in OPTION_TYPES.items()}
    | {f"ZMQ_EVENT_{name}": number for name, number in _EVENTS.items()}
)
"""Socket types, socket options and monitor events by libzmq's names."""

_OWN = 156384712
"""Where libzmq's own error numbers begin."""

EFSM, ENOCOMPATPROTO, ETERM, EMTHREAD = _OWN + 51, _OWN + 52, _OWN + 53, _OWN + 54

ERROR_NAMES: MappingProxyType[int, str] = MappingProxyType(
    dict(errno.errorcode)
    | {EFSM: "EFSM", ENOCOMPATPROTO: "ENOCOMPATPROTO", ETERM: "ETERM", EMTHREAD: "EMTHREAD"}
)
"""Error number to name: the system's, and the four that only libzmq has."""
