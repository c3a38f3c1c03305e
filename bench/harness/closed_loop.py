"""A number of clients, each of which sends its next request after an answer, in one process.

In: an address and inputs. Out: answers per second, and the time of each.
"""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from bench.contenders import Ask
from bench.harness.callers import grpc_caller, rest_caller
from bench.harness.stats import Timing, timing


@dataclass(frozen=True, slots=True)
class Throughput:
    """per_second: answers; asked: the share of them that the model gave in time."""

    per_second: float
    asked: float
    timing: Timing

    @property
    def goodput(self) -> float:
        """Answers per second that the model gave in time."""
        return self.per_second * self.asked


def throughput(
    pool: ProcessPoolExecutor, address: str, clients: int, seconds: float, asks: Sequence[Ask]
) -> Throughput:
    """Load for `seconds`. address: a URL is called over REST, a host and port over gRPC. The
    clients begin at different inputs, so that no two send the same one at once."""
    return pool.submit(_load, address, clients, seconds, asks).result()


def _load(address: str, clients: int, seconds: float, asks: Sequence[Ask]) -> Throughput:
    took: list[float] = []
    asked: list[bool] = []
    failures: list[Exception] = []
    ready = threading.Barrier(clients + 1)
    end = float("inf")

    def client(number: int) -> None:
        try:
            call = rest_caller(address) if "://" in address else grpc_caller(address)
            position = number * len(asks) // clients
            call(asks[position])
        except Exception as error:
            failures.append(error)
            ready.abort()
            return
        ready.wait()
        while (begun := time.perf_counter()) < end:
            position += 1
            try:
                source = call(asks[position % len(asks)])
            except Exception as error:
                failures.append(error)
                return
            took.append(time.perf_counter() - begun)
            asked.append(source)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        begun = time.perf_counter()
        end = begun + 3600.0
        ready.wait()
        begun = time.perf_counter()
        end = begun + seconds
    except threading.BrokenBarrierError:
        pass
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    elapsed = time.perf_counter() - begun
    return Throughput(len(took) / elapsed, sum(asked) / len(asked), timing(took))
