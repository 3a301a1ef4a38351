"""Invalid or impossible bodies, forms and URLs, each with the status that it gets."""

import gzip
import json
from collections.abc import Iterator

Body = tuple[str, bytes, int]
URLS = [
    # this machine
    "http://127.0.0.1/", "http://127.0.0.1:80/x.png", "https://127.0.0.1/", "http://127.1/", "http://127.0.1/",
    "http://127.255.255.254/",
    "http://0.0.0.0/", "http://0/", "http://2130706433/", "http://017700000001/", "http://0177.0.0.1/",
    "http://0x7f000001/",
    "http://0x7f.0x0.0x0.0x1/", "http://0x7F.1/", "http://0177.1/", "http://127.0.0.1./", "http://00127.0.0.1/",
    "http://127.0.0.0x1/",
    "http://localhost/", "https://LOCALHOST/", "http://localhost./", "http://localhost:443/", "http://[::1]/",
    "http://[::]/",
    "http://[0:0:0:0:0:0:0:1]/", "http://[0000::1]:80/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]/", "http://[64:ff9b::127.0.0.1]/", "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[fe80::1%25lo]/", "http://[fe80::1%lo]/", "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://ⓛocalhost/",
    "http://127%2e0.0.1/",
    # private networks, and the metadata services of clouds
    "http://169.254.169.254/latest/meta-data/", "http://2852039166/", "http://0xa9fea9fe/",
    "http://0251.0376.0251.0376/",
    "http://169.254.43518/", "http://[::ffff:169.254.169.254]/", "http://[::ffff:a9fe:a9fe]/",
    "http://[fd00:ec2::254]/",
    "http://100.100.100.200/", "http://168.63.129.16/", "http://192.0.0.192/", "http://[64:ff9b::a9fe:a9fe]/",
    "http://[2002:a9fe:a9fe::]/",
    "http://10.0.0.1/", "http://10.255.255.255/", "http://172.16.0.1/", "http://172.31.255.255/", "http://192.168.0.1/",
    "http://192.168.1.1:443/", "http://100.64.0.1/", "http://198.18.0.1/", "http://224.0.0.1/", "http://240.0.0.1/",
    "http://255.255.255.255/", "http://[fc00::1]/", "http://[fe80::1]/", "http://[fec0::1]/", "http://[ff02::1]/",
    "http://[2001:db8::1]/",
    "http://[2001::1]/", "http://[100::1]/", "http://[::ffff:0:127.0.0.1]/",
    # other ports, other schemes, ambiguous URLs
    "http://127.0.0.1:22/", "http://127.0.0.1:6379/", "http://1.1.1.1:22/", "http://1.1.1.1:99999/",
    "http://1.1.1.1:-1/",
    "file:///etc/passwd", "file://localhost/etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1:6379/_INFO",
    "dict://127.0.0.1:11211/",
    "data:image/png;base64,AAAA", "jar:http://127.0.0.1!/", "ldap://127.0.0.1/", "netdoc:///etc/passwd",
    "//127.0.0.1/", "/etc/passwd",
    "http:127.0.0.1", "http:/127.0.0.1/", "http:///127.0.0.1/", "http://", "http", "", " ", "http://@127.0.0.1/",
    "http://a@127.0.0.1/",
    "http://1.1.1.1@127.0.0.1/", "http://1.1.1.1:80@127.0.0.1/", "http://127.0.0.1#@1.1.1.1/",
    "http://1.1.1.1\\@127.0.0.1/",
    "http://127.0.0.1\\.1.1.1.1/", "http://1.1.1.1&@127.0.0.1/", "http://127.0.0.1 .example/", "http://127.0.0.1\t/",
    "\thttp://127.0.0.1/",
    "http://127.0.0.1\r\nHost: x/", "http://127.0.0.1\0.example/", "http://[::1", "http://::1/", "http://[::1]x/",
    "http://[127.0.0.1]/",
    "http://" + "a" * 300 + "/", "http://nobody.invalid/", "https://nobody.invalid/x.png", "http://*/", "http://-/",
    "http://.../",
    "http://example..com/", "http://a_b c/", "http://x" + "/a" * 3000,
]  # fmt: skip


def urls() -> Iterator[Body]:
    """Images by URLs of private addresses, or invalid URLs."""
    for url in URLS:
        yield f"URL {ascii(url)[:60]}", json.dumps({"image": {"url": url}}).encode(), 422


def malformed() -> Iterator[Body]:
    """Bodies that are not JSON, or nested or long without end."""
    for name, data in {
        "an open object": b"{", "an open text": b'{"text": "ball', "two objects": b'{"text": "ball"}{}',
        "a comma": b'{"text": "ball",}',
        "UTF-16 without a mark": '{"text": "ball"}'.encode("utf-16-le"),
        "Latin-1": '{"text": "grün"}'.encode("latin-1"),
        "UTF-32": '{"text": "ball"}'.encode("utf-32"), "gzip": gzip.compress(b'{"text": "ball"}'),
        "nothing": b"", "spaces": b"   ", "a comment": b'{"text": "ball"} // x', "single quotes": b"{'text': 'ball'}",
        "a word": b"ball",
        "two byte order marks": b'\xef\xbb\xbf\xef\xbb\xbf{"text": "ball"}',
        "UTF-16": '{"text": "ball"}'.encode("utf-16"),
        "zero bytes": bytes(1000),
        "a stray byte": b'{"text": "\xff"}', "an overlong form": b'{"text": "\xc0\xaf"}',
        "half a letter": b'{"text": "\xe2\x82"}',
        "a surrogate in UTF-8": b'{"text": "\xed\xa0\x80"}', "half a surrogate pair": b'{"text": "\\ud800"}',
        "a bad escape": b'{"text": "\\x"}',
        "a raw line break in a text": b'{"text": "a\nb"}', "a raw zero in a text": b'{"text": "a\0b"}',
        "a leading zero": b'{"k": 01}',
        "a plus": b'{"k": +1}', "hexadecimal": b'{"k": 0x10}', "undefined": b'{"k": undefined}',
        "100 000 arrays": b"[" * 100_000, "40 000 objects": b'{"a":' * 40_000,
        "a filter of 100 000 arrays": b'{"text": "ball", "filter": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    }.items():  # fmt: skip
        yield f"JSON: {name}", data, 400


def unusable() -> Iterator[Body]:
    """Valid JSON that does not fit the schema or cannot be fulfilled."""
    for name, values in {
        "text": ["7", "true", "[]", "{}", '[["a"]]', '"   "', '""', '"' + "a" * 501 + '"', '"' + "é" * 501 + '"'],
        "k": ["0", "-1", "2.5", '"3"', "true", "[]", "201", "1e9", "1" + "0" * 30, "1" + "0" * 400, "NaN", "Infinity",
        "1e400"],
        "offset": ["-1", "0.5", '"0"', "NaN", "-Infinity", "true"],
        "text_weight": ["NaN", "Infinity", "-Infinity", "1e400", "-0.1", "1.1", '"0.5"', "true", "[0.5]",
        "1" + "0" * 400],
        "max_similarity": ["NaN", "Infinity", "0", "-1", "1.5", '"1"'],
        "nprobe": ["0", "-1", "1.5", "NaN", '"1"'],
        "exclude_reference": ["1", '"true"', "[]"],
        "exclude_ids": ["7", '"a"', "[7]", '[""]', "[null]", "{}", json.dumps(["x"] * 1001), json.dumps(["x" * 1025])],
        "pinned_ids": ["7", "[7]", json.dumps(["x"] * 101)],
        "facets": ["7", "[7]", json.dumps(["x"] * 21), '["nothing"]', json.dumps(["x" * 1025])],
        "group_by": ["7", "[]", '"nothing"', json.dumps("x" * 1025)],
        "filter": [
            "7", "[]", '"x"', '{"nothing": 1}', '{"price": {"about": 1}}', '{"price": NaN}',
            '{"price": {"gte": NaN}}', '{"price": {"gte": Infinity}}', '{"price": {"lt": 1e400}}', '{"price": {}}',
            '{"price": [[1]]}',
            '{"or": 7}', '{"and": {}}', '{"not": 7}', '{"not": []}', '{"or": [7]}', '{"": 1}',
            '{"and": [' * 60 + '{"price": 1}' + "]}" * 60,
            '{"not": ' * 90 + '{"price": 1}' + "}" * 90,
        ],
        "image": ["7", '"x"', "[]", "{}", '{"base64": 7}', '{"item_id": 7}', '{"item_id": ""}', '{"url": 7}',
        '{"url": {}}',
                  '{"base64": "", "url": "http://x/"}', '{"item_id": "x", "url": "http://x/"}', '{"file": "x"}',
                  '{"item_id": "' + "x" * 1025 + '"}'],
        "colour": ["1"], "__proto__": ["{}"], "": ["1"],
    }.items():  # fmt: skip
        for value in values:
            first = "" if name == "text" else '"text": "ball", '
            yield f"{name}: {value[:40]}", f'{{{first}"{name}": {value}}}'.encode(), 422
    for data in (b"[]", b"7", b"null", b'"ball"', b"true", b"NaN", b"{}"):
        yield f"a body that is {data.decode()}", data, 422


def unknown() -> Iterator[Body]:
    """Unknown items, and images with invalid base64."""
    for id in ("nobody", "../../etc/passwd", "red-box\\u0000", "%2e%2e", "' OR 1=1 --", "red-box ", "RED-BOX"):
        yield f"item {id}", f'{{"image": {{"item_id": "{id}"}}}}'.encode(), 404
    for text in ("?!?!", "a", "abc", "=abc", "ab\\u00e9d", "data:image/png;base64,?", "\\u0000\\u0000"):
        yield f"base64 {text}", f'{{"image": {{"base64": "{text}"}}}}'.encode(), 400
    yield "base64 of nothing behind data:", b'{"image": {"base64": "data:image/png"}}', 422


def overfull() -> Iterator[Body]:
    """Bodies with very many errors."""
    for count, status in ((60, 422), (20_000, 422), (250_000, 413)):
        yield f"{count} unknown fields", json.dumps({f"k{number}": 1 for number in range(count)}).encode(), status
    yield "an unknown field of a long name", json.dumps({"text": "ball", "x" * 1_000_000: 1}).encode(), 422
    yield "facets that are none", json.dumps({"text": "ball", "facets": [7] * 100_000}).encode(), 413


def forms() -> Iterator[Body]:
    """Forms with the boundary x."""

    def part(head: str, value: bytes = b"ball") -> bytes:
        return b"--x\r\n" + head.encode() + b"\r\n\r\n" + value + b"\r\n"

    text = part('Content-Disposition: form-data; name="text"')
    end = b"--x--\r\n"
    yield "a form of nothing", b"", 400
    yield "a form that is only its end", end, 422
    yield "a form without its end", text, 400
    yield "a form cut in its head", b"--x\r\nContent-Disp", 400
    yield "a form cut in its value", text[:-4], 400
    yield "a form of another boundary", b"--y\r\n\r\n\r\n--y--\r\n", 400
    yield "a form that is JSON", b'{"text": "ball"}', 400
    yield "a form with a part without a head", b"--x\r\n\r\nball\r\n" + end, 400
    yield "a form with a part without a name", part("Content-Disposition: form-data") + end, 400
    yield "a form with a head without a colon", part("Content-Disposition form-data") + end, 400
    yield "a form with a head without end", b"--x\r\nContent-Disposition: " + b"a" * 200_000, 400
    yield "a form with very many heads", b"--x\r\n" + b"A: b\r\n" * 20_000 + b"\r\nball\r\n" + end, 400
    yield "a form with very many parts", text * 3000 + end, 422
    yield "a form with an unknown field", part('Content-Disposition: form-data; name="colour"') + end, 422
    yield "a form with a field of a strange name", part('Content-Disposition: form-data; name="\xff\0"') + end, 422
    yield "a form with text twice", text * 2 + end, 422
    yield (
        "a form with a text that is no UTF-8",
        part('Content-Disposition: form-data; name="text"', b"\xff\xfe") + end,
        400,
    )
    yield (
        "a form in a form",
        part('Content-Disposition: form-data; name="image"; filename="x"\r\nContent-Type: multipart/mixed', text + end)
        + end,
        415,
    )
    yield "a form with a file that is a field", part('Content-Disposition: form-data; name="image"') + end, 422
    many = json.dumps({f"k{number}": 1 for number in range(100_000)}).encode()
    yield (
        "a form with 100 000 fields in query",
        text + part('Content-Disposition: form-data; name="query"', many) + end,
        413,
    )
    for k in (b"many", b"0", b"-1", b"1e3", b"99999999999", b"\xd9\xa3", b"1 2", b"0x1", b"NaN"):
        yield f"a form with k={k!r}", text + part('Content-Disposition: form-data; name="k"', k) + end, 422
    for query, status in ((b"{", 400), (b"[]", 422), (b"[" * 50_000, 400), (b'{"text": "x"}', 422), (b'{"k": NaN}',
        422), (b"\xff", 400),
                          (b'{"image": {"base64": "AAAA"}}', 422), (b'{"image": {"url": "http://127.0.0.1/"}}', 422),
                          (b'{"colour": 1}', 422)):  # fmt: skip
        yield (
            f"a form with query={query[:40]!r}",
            text + part('Content-Disposition: form-data; name="query"', query) + end,
            status,
        )


def bodies() -> list[Body]:
    """All JSON bodies for a search."""
    return [*malformed(), *unusable(), *unknown(), *urls(), *overfull()]
