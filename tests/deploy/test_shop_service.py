"""The benchmarks wait for a service's address, whatever it writes before."""

import sys

import pytest

import shop

WARNING = "print('[W:onnxruntime] no plug-in', file=sys.stderr, flush=True)"
READY = "print('serving http on http://127.0.0.1:1234/', file=sys.stderr, flush=True)"
HALF = "sys.stderr.write('serving http on http://127.0.0.1:1'); sys.stderr.flush(); time.sleep(.3)"
REST = "print('234/', file=sys.stderr, flush=True)"


def command(*lines: str) -> list[str]:
    return [sys.executable, "-c", "\n".join(["import sys, time", *lines])]


@pytest.mark.parametrize("lines", [[WARNING, READY], [HALF, REST]])
def test_a_warning_before_the_address_and_half_a_line_are_waited_for(lines: list[str]) -> None:
    with shop.running(command(*lines, "time.sleep(60)")) as (_, address):
        assert address == "http://127.0.0.1:1234"


@pytest.mark.parametrize(("line", "said"), [("sys.exit('no gallery')", "no gallery"), ("", "before it was ready")])
def test_a_service_that_ends_says_why(line: str, said: str) -> None:
    with pytest.raises(SystemExit, match=said), shop.running(command(line)):
        pass


def test_a_service_that_is_never_ready_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop, "START_S", 0.2)
    with pytest.raises(SystemExit, match="before it was ready"), shop.running(command("time.sleep(60)")):
        pass
