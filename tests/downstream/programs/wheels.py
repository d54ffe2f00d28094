"""Use wheels that were compiled for stock, in several threads.

Usage: wheels.py BEHAVIOUR, or wheels.py --list

Each behaviour uses one wheel, and has the name that is imported. Eight threads do the
same work, and have to get the same result.
"""

import importlib
import sys
import threading

THREADS = 8


def numpy(module):
    matrix = module.arange(10_000.0).reshape(100, 100)
    return float((matrix @ matrix).trace())


def pandas(module):
    frame = module.DataFrame({"key": [1, 2] * 500, "value": range(1000)})
    return frame.groupby("key").value.sum().tolist()


def lxml(module):
    etree = importlib.import_module("lxml.etree")
    root = etree.fromstring("<a>" + "<b c='1'/>" * 100 + "</a>")
    return len(root.xpath("//b[@c='1']"))


def cffi(module):
    ffi = module.FFI()
    ffi.cdef("size_t strlen(const char *);")
    calls = []
    callback = ffi.callback("int(int)", lambda n: calls.append(n) or n + 1)
    return ffi.dlopen(None).strlen(b"threads"), callback(1), calls


def grpc(module):
    # The server and the client each have threads, in C and in Python.
    pool = importlib.import_module("concurrent.futures").ThreadPoolExecutor(2)

    class Echo(module.GenericRpcHandler):
        def service(self, details):
            return module.unary_unary_rpc_method_handler(lambda request, _: request)

    server = module.server(pool, handlers=(Echo(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with module.insecure_channel(f"127.0.0.1:{port}") as channel:
        answer = channel.unary_unary("/echo/echo")(b"hello", timeout=30)
    server.stop(None).wait()
    pool.shutdown()
    return answer


def psycopg(module):
    # No server listens on this port: the attempt to connect has to fail.
    try:
        module.connect("host=127.0.0.1 port=1 connect_timeout=5")
    except module.OperationalError:
        return module.pq.__impl__


def uvloop(module):
    asyncio = importlib.import_module("asyncio")

    async def work():
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, lambda: type(loop).__name__)

    with asyncio.Runner(loop_factory=module.new_event_loop) as runner:
        return runner.run(work())


def pydantic_core(module):
    schema = module.core_schema.list_schema(module.core_schema.int_schema())
    return module.SchemaValidator(schema).validate_json("[1, 2, 3]")


def orjson(module):
    return module.loads(module.dumps({"threads": list(range(100))}))


def cryptography(module):
    fernet = importlib.import_module("cryptography.fernet").Fernet(b"A" * 43 + b"=")
    return fernet.decrypt(fernet.encrypt(b"joined"))


def greenlet(module):
    def body(value):
        return module.getcurrent().parent.switch(value + 1)

    return module.greenlet(body).switch(1)


BEHAVIOURS = (
    *(numpy, pandas, lxml, cffi, grpc, psycopg, uvloop),
    *(pydantic_core, orjson, cryptography, greenlet),
)


def main(behaviour):
    """Do the work in this thread and in THREADS others; compare the results."""
    module = importlib.import_module(behaviour.__name__)
    expected = behaviour(module)
    assert expected is not None
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(behaviour(module)))
        for _ in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
        assert not thread.is_alive()
    assert found == [expected] * THREADS, (expected, found)


if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        print(*(behaviour.__name__ for behaviour in BEHAVIOURS), sep="\n")
    else:
        (name,) = sys.argv[1:]
        main(next(b for b in BEHAVIOURS if b.__name__ == name))
