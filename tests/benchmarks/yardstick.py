"""What this machine can do at this moment: one pop and push on a heap of events.

Machines differ, and one machine differs from minute to minute: a speed counts beside the yardstick of its run.
"""

from __future__ import annotations

import heapq
import random
import time

#: The yardstick of the machine that the targets were set on [us].
REFERENCE_US = 0.41


def heap_us(live: int = 14, rounds: int = 200_000) -> float:
    """CPU time of popping an event off a heap and pushing its next one [us]; best of three.

    Args:
        live: Events on the heap.
        rounds: Events popped and pushed.
    """
    return min(_heap_us(live, rounds) for _ in range(3))


def _heap_us(live: int, rounds: int) -> float:
    generator = random.Random(1)
    steps = [generator.random() for _ in range(1024)]
    heap = [(generator.random(), number, None) for number in range(live)]
    heapq.heapify(heap)
    pop, push = heapq.heappop, heapq.heappush
    begun_s = time.process_time()
    for number in range(rounds):
        now, _, event = pop(heap)
        push(heap, (now + steps[number & 1023], number, event))
    return (time.process_time() - begun_s) / rounds * 1e6
