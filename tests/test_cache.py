"""The cache forgets what is not asked for, stays within its bound, and is safe in several threads."""

import threading

from guardrails.cache import Cache, Hasher


def test_a_value_is_found_until_others_crowd_it_out():
    """What is asked for stays; what is not goes when the room is needed."""
    cache = Cache(10_000)
    cache.put(b"kept", "value", 100)
    cache.put(b"left", "value", 100)
    for number in range(200):
        cache.put(number.to_bytes(4), number, 100)
        assert cache.get(b"kept") == "value"

    assert cache.get(b"left") is None


def test_the_bound_holds():
    """The entries never take more than the bound, whatever their sizes; one that is too large is not kept."""
    cache = Cache(10_000)
    for number in range(1_000):
        cache.put(number.to_bytes(4), number, number % 700)
        assert cache.size() <= 10_000
    cache.put(b"huge", "value", 9_000)

    assert cache.get(b"huge") is None


def test_threads_see_their_own_values():
    """Threads that write and read at once never get another key's value."""
    cache = Cache(50_000)
    wrong = []

    def work(own):
        for number in range(3_000):
            key = f"{own}-{number % 150}".encode()
            cache.put(key, key, 60)
            found = cache.get(key)
            if found not in (key, None):
                wrong.append(found)

    threads = [threading.Thread(target=work, args=(own,)) for own in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_hashes_differ_by_key_and_purpose():
    """The same content has another hash for another key or purpose, and borders between words count."""
    hashes = {
        Hasher(key, *words).of(b"content")
        for key in (b"a" * 32, b"b" * 32)
        for words in ((), ("x",), ("y",), ("x", "y"), ("xy",))
    }

    assert len(hashes) == 10
