"""A small D-Bus client: what a few calls to one service of this host need, and no more.

`wire` turns values into bytes and back by their signature, `message` does it with whole messages,
`connection` logs in on a unix socket, calls methods and keeps the signals that were asked for.
Blocking, one thread, standard library. There are no introspection, no objects of our own, no
descriptors.

See: the D-Bus Specification, https://dbus.freedesktop.org/doc/dbus-specification.html.
"""

from __future__ import annotations

from baleen.linux.dbus.connection import Connection, DBusError
from baleen.linux.dbus.message import Message
from baleen.linux.dbus.wire import Variant

__all__ = ["Connection", "DBusError", "Message", "Variant"]
