import struct

from helping import raises

from camproxy import dns, mdns

SERVER, INSTANCE, HOST = mdns.SERVER, "Shed 2.0." + mdns.SERVER, "camproxy-1.local"


def server(addresses=("10.1.0.1",), port=5001, instance=INSTANCE):
    records = [
        (SERVER, dns.PTR, 120, dns.name(instance), False),
        (instance, dns.SRV, 120, dns.service(port, HOST), True),
        (instance, dns.TXT, 120, dns.text((("tls", "0"),)), True),
    ]
    for address in addresses:
        records.append((HOST, dns.A, 120, bytes(int(part) for part in address.split(".")), True))
    return dns.answer(records)


def test_a_name_of_a_service_may_have_dots_in_its_words():
    assert dns.name(INSTANCE)[:9] == b"\x08Shed 2.0"
    assert dns.name("a.local") == b"\x01a\x05local\x00"


def test_a_question_is_read_again():
    assert dns.read(dns.question(SERVER, dns.PTR)) == (False, [(SERVER, dns.PTR)], [])


def test_the_server_is_found_in_what_it_answers():
    assert mdns.server_in(server(), "10.1.0.7") == ("10.1.0.1", 5001)


def test_of_several_addresses_the_nearest_is_taken():
    told = server(("192.168.1.5", "10.1.0.1", "10.2.0.1"))
    assert mdns.server_in(told, "10.1.0.9")[0] == "10.1.0.1"
    assert mdns.server_in(told, "192.168.1.77")[0] == "192.168.1.5"


def test_pointers_are_followed():
    question = dns.name(SERVER)
    pointer = b"\xc0\x0c"  # to the first name of the message
    instance = b"\x04Shed" + pointer
    message = struct.pack(">HHHHHH", 0, dns.RESPONSE, 0, 3, 0, 0)
    message += question + struct.pack(">HHIH", dns.PTR, 1, 120, len(instance)) + instance
    at = 12 + len(question) + 10
    again = bytes((0xC0, at))
    srv = struct.pack(">HHH", 0, 0, 5000) + b"\x01h\x05local\x00"
    message += again + struct.pack(">HHIH", dns.SRV, 1, 120, len(srv)) + srv
    message += b"\x01h\x05local\x00" + struct.pack(">HHIH", dns.A, 1, 120, 4) + bytes((10, 0, 0, 2))
    assert mdns.server_in(message, "10.0.0.9") == ("10.0.0.2", 5000)


def test_what_is_no_answer_of_a_server_is_none():
    for message in (None, b"", b"x", dns.question(SERVER, dns.PTR), server(()), server(port=0), server()[:-3],
                    dns.answer(()), server().replace(b"camproxy\x04_tcp", b"campraxy\x04_tcp")):
        assert mdns.server_in(message, "10.1.0.7") is None


def test_a_name_that_points_to_itself_ends():
    loop = struct.pack(">HHHHHH", 0, 0, 1, 0, 0, 0) + b"\xc0\x0c" + struct.pack(">HH", dns.PTR, 1)
    raises(dns.Bad, dns.read, loop)


def test_garbage_is_bad_and_nothing_else():
    import os

    for length in range(0, 80):
        for _ in range(5):
            try:
                dns.read(os.urandom(length))
            except dns.Bad:
                pass
    whole = server()
    for cut in range(len(whole)):
        raises(dns.Bad, dns.read, whole[:cut])


def test_what_the_board_announces():
    announcer = mdns.Announcer("28:CD:C1:0A:0B:0C", "Head")
    response, questions, records = dns.read(announcer.message("10.1.0.7"))
    assert response and not questions
    assert (mdns.DEVICE, dns.PTR, "pico 0a0b0c." + mdns.DEVICE) in records
    assert ("camproxy-pico-0a0b0c.local", dns.A, "10.1.0.7") in records
    message = announcer.message("10.1.0.7")
    for pair in (b"kind=pico", b"mac=28:CD:C1:0A:0B:0C", b"name=Head", b"paired=0"):
        assert pair in message
    announcer.paired = True
    assert b"paired=1" in announcer.message("10.1.0.7")


def test_it_knows_when_it_is_asked():
    announcer = mdns.Announcer("28:CD:C1:0A:0B:0C", None)
    assert announcer.is_asked(dns.question(mdns.DEVICE, dns.PTR))
    assert announcer.is_asked(dns.question("Pico 0a0b0c." + mdns.DEVICE, dns.ANY))
    assert not announcer.is_asked(dns.question(SERVER, dns.PTR))
    assert not announcer.is_asked(announcer.message("10.1.0.7"))
    assert not announcer.is_asked(b"garbage")
