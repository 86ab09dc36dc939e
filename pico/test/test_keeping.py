import os

from helping import Flash, raises

from camproxy import store
from camproxy.keys import FILE, Keys

KEY, NEWER = "k" * 43, "n" * 43


def enrolled(encrypted=True):
    keys = Keys()
    keys.enrolled({"api_key": KEY, "ws_path": "/ws/pico", "device_id": 7}, "a token", encrypted)
    return keys


def test_what_is_saved_is_read_again():
    with Flash("x.json"):
        store.save("x.json", {"a": [1, "ü"]})
        assert store.load("x.json") == {"a": [1, "ü"]}
        store.remove("x.json")
        assert store.load("x.json") is None
        store.remove("x.json")


def test_half_a_file_is_none():
    with Flash("x.json"):
        open("x.json", "w").write('{"a": ')
        assert store.load("x.json") is None


def test_the_power_may_go_at_any_moment():
    """What was there stays until the new one is there as a whole."""
    with Flash("x.json", "x.json.new"):
        store.save("x.json", "old")
        for step in ("open", "sync", "rename"):

            def cut(*arguments):
                raise OSError("the power goes")

            real_sync, real_rename = os.sync, os.rename
            if step == "sync":
                os.sync = cut
            elif step == "rename":
                os.rename = cut
            else:
                open("x.json.new", "w").write('"ne')  # and no further
            try:
                if step != "open":
                    raises(OSError, store.save, "x.json", "new")
            finally:
                os.sync, os.rename = real_sync, real_rename
            assert store.load("x.json") == "old", step
        store.save("x.json", "new")
        assert store.load("x.json") == "new"


def test_a_key_is_kept_and_its_token_is_not():
    with Flash(FILE):
        assert Keys().current is None
        enrolled()
        keys = Keys()
        assert keys.current == KEY and keys.path == "/ws/pico" and not keys.unencrypted
        assert keys.came_by("a token") and not keys.came_by("another")
        assert "a token" not in open(FILE).read()


def test_what_is_no_key_is_not_kept():
    with Flash(FILE):
        for answer in ({}, {"api_key": KEY}, {"api_key": 5, "ws_path": "/ws"}, {"api_key": "", "ws_path": "/ws"},
                       {"api_key": KEY, "ws_path": "http://elsewhere"}, {"api_key": "x" * 200, "ws_path": "/ws"}):
            raises(ValueError, Keys().enrolled, answer, "t", True)
        assert Keys().current is None


def test_nonsense_in_the_file_is_no_key():
    with Flash(FILE):
        for nonsense in ([], "key", {"api_key": 5}, {}):
            store.save(FILE, nonsense)
            assert Keys().current is None


def test_a_new_key_takes_the_place_of_the_old_one_once_it_is_accepted():
    with Flash(FILE):
        keys = enrolled()
        keys.rotate(NEWER)
        assert Keys().current == NEWER
        keys.accepted()
        assert not keys.refused() and Keys().current == NEWER
        assert KEY not in open(FILE).read()


def test_a_new_key_that_is_refused_gives_way_to_the_old_one():
    with Flash(FILE):
        keys = enrolled()
        keys.rotate(NEWER)
        assert Keys().refused() and Keys().current == KEY
        assert not Keys().refused() and Keys().current == KEY


def test_the_same_key_again_changes_nothing():
    with Flash(FILE):
        keys = enrolled(encrypted=False)
        keys.rotate(KEY)
        assert not keys.refused() and keys.unencrypted
