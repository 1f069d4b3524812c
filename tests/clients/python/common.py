"""What both Python clients read and write, and how they say what was wrong."""

import time

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
PADDING = "x" * 1000
TIMESTAMP = 1_700_000_000_000


def key(codec):
    return codec.encode()


def value(codec):
    return f"{codec}:{PADDING}".encode()


def headers(codec):
    return [("codec", codec.encode()), ("codec", b"again"), ("empty", b"")]


def equal(what, got, wanted):
    if got != wanted:
        raise AssertionError(f"{what}: got {got!r}, wanted {wanted!r}")


def eventually(what, ask, wanted):
    """Asks until the answer is what is wanted: a broker learns of a change after its controller has acknowledged it."""
    deadline = time.monotonic() + 60
    while (got := ask()) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    equal(what, got, wanted)


def check_ours(records):
    """`records` are (key, value, headers, timestamp) of what kconnect's own producer wrote."""
    wanted = [(key(codec), value(codec), headers(codec), TIMESTAMP + n) for n, codec in enumerate(CODECS)]
    equal("records of kconnect's producer", records, wanted + [(b"gone", None, [], TIMESTAMP + len(CODECS))])


def say(step):
    print(step, flush=True)
