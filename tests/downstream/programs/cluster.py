"""Use and close a cluster of distributed, in threads or in processes.

Usage: cluster.py BEHAVIOUR, or cluster.py --list
"""

import sys
import threading
import time

from distributed import Client, LocalCluster, as_completed, get_client

#: Seconds that one step may take.
PATIENCE = 60


def square(number):
    return number * number


def nested(number):
    return get_client().submit(square, number).result(PATIENCE)


def stop_early():
    time.sleep(PATIENCE)


def use(processes):
    options = {"n_workers": 2, "threads_per_worker": 2, "processes": processes}
    with (
        LocalCluster(**options, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        futures = client.map(square, range(50))
        found = {future.result() for future in as_completed(futures)}
        assert found == {n * n for n in range(50)}
        assert client.submit(nested, 7).result(PATIENCE) == 49
        answers = []
        threads = [
            threading.Thread(
                target=lambda n=n: answers.append(client.submit(square, n).result())
            )
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert sorted(answers) == [n * n for n in range(8)]


def threads():
    use(processes=False)
    # The threads that a closed cluster leaves are daemons, which wait for the next one.
    left = [t for t in threading.enumerate() if not t.daemon]
    assert left == [threading.main_thread()], left


def processes():
    use(processes=True)


def left_running():
    cluster = LocalCluster(n_workers=1, processes=False, dashboard_address=None)
    client = Client(cluster)
    client.submit(stop_early)
    assert client.submit(square, 3).result(PATIENCE) == 9


BEHAVIOURS = {f.__name__: f for f in (threads, processes, left_running)}


def main(argv):
    if argv == ["--list"]:
        print("\n".join(BEHAVIOURS))
    else:
        BEHAVIOURS[argv[0]]()


if __name__ == "__main__":
    main(sys.argv[1:])
