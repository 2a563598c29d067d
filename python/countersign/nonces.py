"""Stores nonces, so that each request that carries one is accepted only once (S§10.5)."""

from __future__ import annotations

import heapq
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Callable

from .errors import AAuthError


@dataclass(frozen=True)
class NonceClaim:
    """A nonce of a verified request: a hash of authority, key and nonce; how long to store it, in seconds; and the agent that signed,
    or an empty text if the signature proves only a key."""

    key: str
    lifetime: float
    source: str


ClaimNonce = Callable[[NonceClaim], bool]
"""Claims a nonce: returns true the first time, exactly once per key, and false afterwards."""


def create_memory_nonces(
    now: Callable[[], float] = time.time, *, per_source: int = 10_000, total: int = 100_000
) -> ClaimNonce:
    """Creates a `claim_nonce` that stores nonces in this process. With several processes, use a shared store instead: each process would
    accept a nonce once. All keys without an agent count as one source, so that they cannot crowd out agents: anyone can create keys.

    The returned function raises `AAuthError` with `too_many_requests` for a source with too many nonces. An unexpired nonce is never
    evicted, because the request could then be replayed.
    """
    lock = threading.Lock()
    live: set[str] = set()
    held: Counter[str] = Counter()
    ending: list[tuple[float, str, str]] = []

    def claim_nonce(claim: NonceClaim) -> bool:
        with lock:
            while ending and ending[0][0] <= now():
                _end, key, source = heapq.heappop(ending)
                live.discard(key)
                held[source] -= 1
                if held[source] == 0:
                    del held[source]
            if claim.key in live:
                return False
            if held[claim.source] >= per_source or len(live) >= total:
                raise AAuthError("too_many_requests", "Too many recent nonces: wait a minute.")
            live.add(claim.key)
            held[claim.source] += 1
            heapq.heappush(ending, (now() + claim.lifetime, claim.key, claim.source))
            return True

    return claim_nonce
