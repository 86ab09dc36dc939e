"""Live: the Socket.IO clients that are connected, what each may see and what each watches."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from camproxy.access import Rights
from camproxy.frames import Viewer

#: A client that acknowledges frames is at most this many behind.
ACK_WINDOW = 3


@dataclass(eq=False, slots=True)
class Subscription:
    """What a client wants of one camera. `viewer` is None when it wants states only. The fan-out thread moves it."""

    camera_id: int
    format: str
    viewer: Viewer | None
    interval: float = 0.0
    next_at: float = 0.0
    acked: int | None = None

    @property
    def behind(self) -> bool:
        return self.acked is not None and self.viewer is not None and self.viewer.seq - self.acked >= ACK_WINDOW


@dataclass(eq=False, slots=True)
class Client:
    """One Socket.IO connection of a logged-in user.

    `levels` is what the user may do, by camera number.
    """

    sid: str
    user_id: int
    credential: str
    name: str
    levels: dict[int, str]
    role: str
    since: float = field(default_factory=time.monotonic)
    subscriptions: dict[int, Subscription] = field(default_factory=dict)
    #: The device whose log it wants to hear.
    follows: int | None = None

    def may_see(self, camera_id: int) -> bool:
        return self.levels.get(camera_id, "none") != "none"

    def manages(self, camera_ids: Iterable[int]) -> bool:
        operates = self.role == "operator" and any(self.levels.get(number) == "control" for number in camera_ids)
        return self.role == "admin" or operates


class Live:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._clients: dict[str, Client] = {}

    def __len__(self) -> int:
        return len(self._clients)

    def add(self, client: Client) -> None:
        with self._lock:
            self._clients[client.sid] = client

    def get(self, sid: str) -> Client | None:
        return self._clients.get(sid)

    def remove(self, sid: str) -> Client | None:
        with self._lock:
            client = self._clients.pop(sid, None)
            if client:
                for camera_id in list(client.subscriptions):
                    self.unsubscribe(client, camera_id)
            return client

    def clients(self) -> list[Client]:
        with self._lock:
            return list(self._clients.values())

    def subscribe(self, client: Client, subscription: Subscription) -> None:
        """Begin to watch, instead of what the client watched of this camera before."""
        with self._lock:
            self.unsubscribe(client, subscription.camera_id)
            if client.sid not in self._clients:
                return  # it has gone meanwhile
            if subscription.viewer:
                subscription.viewer.__enter__()
            client.subscriptions[subscription.camera_id] = subscription

    def unsubscribe(self, client: Client, camera_id: int) -> None:
        with self._lock:
            subscription = client.subscriptions.pop(camera_id, None)
            if subscription and subscription.viewer:
                subscription.viewer.__exit__()

    def who_may_see(self, camera_id: int) -> list[str]:
        return [client.sid for client in self.clients() if client.may_see(camera_id)]

    def who_manages(self, camera_ids: Iterable[int]) -> list[str]:
        """Whom the devices of these cameras concern, see access.managed_devices."""
        steered = frozenset(camera_ids)
        return [client.sid for client in self.clients() if client.manages(steered)]

    def who_follows(self, device_id: int) -> list[Client]:
        return [client for client in self.clients() if client.follows == device_id]

    def who_watches(self, camera_id: int) -> list[Client]:
        return [client for client in self.clients() if camera_id in client.subscriptions]

    def review(self, rights: Rights) -> list[Client]:
        """End the subscriptions that are allowed no more; the clients that may not be here at all are returned."""
        leave = []
        for client in [client for client in self.clients() if client.since < rights.at]:
            client.levels, client.role = rights.levels_of(client.credential), rights.role(client.credential)
            for camera_id in [number for number in client.subscriptions if not client.may_see(number)]:
                self.unsubscribe(client, camera_id)
            if not rights.valid(client.credential):
                leave.append(client)
        return leave
