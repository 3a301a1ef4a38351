"""URLs are allowed by their text alone, and addresses by their number alone."""

import ipaddress
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.sources.public_addresses import is_public
from models.errors import ConfigError
from service.images.url_policy import CallerPolicy, parse_hosts
from service.settings import Settings

ANY = parse_hosts("*")


@pytest.mark.parametrize(
    ("pattern", "host", "port", "allowed"),
    [
        ("cdn.example.com", "cdn.example.com", 443, True),
        ("CDN.example.com", "cdn.example.com", 80, True),
        ("cdn.example.com", "cdn.example.com", 8443, False),
        ("cdn.example.com:8443", "cdn.example.com", 8443, True),
        ("cdn.example.com:8443", "cdn.example.com", 443, False),
        ("cdn.example.com", "a.cdn.example.com", 443, False),
        ("cdn.example.com", "cdn.example.com.evil.example", 443, False),
        ("*.shop.example", "a.b.shop.example", 443, True),
        ("*.shop.example", "shop.example", 443, False),
        ("*.shop.example", "evilshop.example", 443, False),
        ("a.example, *.b.example:81 ,", "x.b.example", 81, True),
        ("*", "anything", 443, True),
        ("*", "anything", 22, False),
        ("*:22", "anything", 22, True),
        ("", "anything", 443, False),
    ],
)  # fmt: skip
def test_a_pattern_allows_only_its_hosts_and_ports(pattern: str, host: str, port: int, allowed: bool) -> None:
    assert any(item.allows(host, port) for item in parse_hosts(pattern)) is allowed


@pytest.mark.parametrize(
    "pattern", ["a.*.example", "https://cdn.example", "a b", "cdn:0", "cdn:65536", "*x", "cdn/", "ü"]
)
def test_an_invalid_pattern_is_refused_at_the_start(pattern: str) -> None:
    with pytest.raises(ConfigError, match=r"LIKEBUT_IMAGE_HOSTS.*is no host"):
        Settings.read({"LIKEBUT_IMAGE_HOSTS": pattern}, {})


def test_a_plain_url_is_split() -> None:
    location = CallerPolicy(ANY, http=False).locate("https://CDN.example.com/a%20b.png?size=3&x=/..#part")
    assert (location.host, location.port, location.target) == ("cdn.example.com", 443, "/a%20b.png?size=3&x=/..")
    assert location.authority == "cdn.example.com"
    other = CallerPolicy(parse_hosts("*:8080"), http=True).locate("http://[2606:4700::1111]:8080")
    assert (other.authority, other.target) == ("[2606:4700::1111]:8080", "/")


@pytest.mark.parametrize(
    "url",
    [
        "", "cdn.example.com/x.png", "//cdn.example.com/x.png", "https:cdn.example.com", "https:///x.png", "https://",
        "http://cdn.example.com/", "ftp://cdn.example.com/", "file:///etc/passwd", "gopher://cdn.example.com/",
        "data:,x",
        "https://user@cdn.example.com/", "https://cdn.example.com:pw@10.0.0.1/", "https://@cdn.example.com/",
        "https://cdn.example.com\\@10.0.0.1/", "https://cdn.example.com /", " https://cdn.example.com/",
        "https://cdn.example.com/\n", "https://cdn.exa\tmple.com/", "https://cdn.example.com/a\r\nHost: x",
        "https://cdn.example.com:99999/", "https://cdn.example.com:-1/", "https://cdn.example.com:8_0/",
        "https://cdn.example.com./", "https://cdn..example.com/", "https://[::1/", "https://::1/", "https://[::1]x/",
        "https://[fe80::1%25eth0]/", "https://[v1.x]/", "https://cdn.exämple.com/", "https://①②⑦.0.0.1/",
        "https://cdn%2eexample.com/", "https://-cdn.example.com/", "https://cdn.example.com/x.png ", "https://a*b/",
        "https://127.1/", "https://0x7f000001/", "https://0x7f.0.0.1/", "https://0177.0.0.1/", "https://2130706433/",
        "https://127.0.0.1./", "https://1.2.3.4.5/", "https://256.0.0.1/", "https://cdn.0x/",
        "https://" + "a" * 64 + ".example/", "https://cdn.example.com/" + "a" * 4096,
    ],
)  # fmt: skip
def test_a_url_that_is_not_plainly_written_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        CallerPolicy(ANY, http=False).locate(url)


@given(st.text(st.sampled_from("https://cdn.example:@[]%\\?#&=0x7f.1/ \t\nü。"), max_size=40))
def test_every_accepted_url_names_an_allowed_host(rest: str) -> None:
    with suppress(ValueError):
        location = CallerPolicy(parse_hosts("cdn.example"), http=False).locate("https://" + rest)
        assert (location.host, location.scheme) == ("cdn.example", "https") and location.port in (80, 443)
        assert location.target.startswith("/") and location.target.isascii()


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
        "168.63.129.16", "169.254.169.254", "172.16.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1",
        "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0:10.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
        "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2606:4700::5efe:127.0.0.1",
        "2606:4700::200:5efe:10.0.0.1",
    ],
)  # fmt: skip
def test_private_addresses_are_refused_in_every_notation(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::1"]
)
def test_public_addresses_are_accepted_in_every_notation(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_only_the_trusted_network_counts_as_public() -> None:
    trusted = [ipaddress.ip_network("10.1.0.0/16")]
    assert is_public(ipaddress.ip_address("10.1.2.3"), trusted=trusted)
    assert is_public(ipaddress.ip_address("::ffff:10.1.2.3"), trusted=trusted)
    assert not is_public(ipaddress.ip_address("10.2.2.3"), trusted=trusted)
