from helping import FakeStream, raises_later

from camproxy import http
from camproxy.reader import Reader, TooLong


def reader(data, piece=1000, size=64):
    return Reader(FakeStream(data, piece), bytearray(size))


async def test_whatever_the_pieces_are_the_whole_comes_out():
    for piece in range(1, 20):
        source = reader(b"one\r\ntwo\r\nthree four", piece)
        assert await source.until(b"\r\n") == b"one\r\n"
        assert bytes(await source.exactly(3)) == b"two"
        assert await source.until(b"\r\n") == b"\r\n"
        assert bytes(await source.exactly(10)) == b"three four"


async def test_the_buffer_is_used_again_and_again():
    source = reader(bytes(range(200)), 7, size=16)
    got = b""
    while len(got) < 200:
        got += bytes(await source.exactly(5))
    assert got == bytes(range(200))


async def test_more_than_the_buffer_holds_is_refused():
    await raises_later(TooLong, reader(b"x" * 100).until(b"\n"))
    await raises_later(TooLong, reader(b"x" * 100).exactly(65))


async def test_the_end_is_an_error_in_the_middle_of_something():
    await raises_later(EOFError, reader(b"half").until(b"\n"))
    await raises_later(EOFError, reader(b"half").exactly(5))


async def test_to_be_woken_for_nothing_is_no_end():
    source = reader(b"ab")
    source._stream.empty_reads = 3
    assert bytes(await source.exactly(2)) == b"ab"


async def test_a_head_is_read():
    source = reader(b"HTTP/1.1 201 CREATED\r\nContent-Length:  4\r\nX-A: b: c\r\n\r\nbody", 3, 128)
    status, headers = await http.read_head(source)
    assert status == 201 and headers == {"content-length": "4", "x-a": "b: c"}
    assert await http.read_body(source, headers) == b"body"


async def test_what_is_no_head_is_a_bad_answer():
    for nonsense in (b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1\r\n\r\n", b"HTTP/1.1 abc x\r\n\r\n", b"\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", b"\xff\xfe\r\n\r\n", b"x" * 500):
        await raises_later(http.BadAnswer, http.read_head(reader(nonsense, 5, 128)))


async def test_a_body_must_say_its_length_and_be_small():
    for length in ({}, {"content-length": "-5"}, {"content-length": "many"}, {"content-length": "1000000"}):
        await raises_later(http.BadAnswer, http.read_body(reader(b"x"), length))


def test_a_request_is_put_together():
    asked = http.request("POST", "/register", "10.0.0.1:5000", (("Content-Length", "2"),), b"{}")
    assert asked == b"POST /register HTTP/1.1\r\nHost: 10.0.0.1:5000\r\nContent-Length: 2\r\n\r\n{}"
