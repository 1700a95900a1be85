import os
from concurrent.futures import ThreadPoolExecutor

from reserve.core.entropy import entropy


def _portions(count=2_000):
    return [entropy.randbytes(10) for _ in range(count)]


def test_no_byte_is_given_twice_among_threads():
    with ThreadPoolExecutor(4) as threads:
        portions = [
            portion for part in threads.map(lambda _: _portions(), range(4)) for portion in part
        ]
    assert len(set(portions)) == len(portions)


def test_a_child_process_does_not_repeat_its_parent():
    entropy.randbytes(1)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, entropy.randbytes(16))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 16) != entropy.randbytes(16)


def test_portions_of_any_size_are_whole():
    assert [len(entropy.randbytes(size)) for size in (0, 1, 1_000, 1_024, 5_000)] == [
        *(0, 1, 1_000, 1_024, 5_000)
    ]
    assert {entropy.getrandbits(1) for _ in range(200)} == {0, 1}
    assert max(entropy.getrandbits(12) for _ in range(5_000)) < 4_096
    assert {entropy.randrange(3) for _ in range(200)} == {0, 1, 2}
