"""Writes the Python client from the OpenAPI document: python clients/python/generate.py [FOLDER]."""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "service" / "openapi.json"
SCRIPTS = Path(sysconfig.get_path("scripts"))
STYLE = ("--quiet", "--isolated", "--no-cache", "--target-version", "py311", "--line-length", "120")
NOQA = re.compile(r"[ \t]*# noqa.*")  # of rules that nothing checks here
# The generator says that a required body of several types may be left out, and lacks the import for that:
# https://github.com/openapi-generators/openapi-python-client/issues/1451
OPTIONAL_BODY = re.compile(r"(    body: [^=]*?)\s*\|\s*Unset\s*=\s*UNSET,")


def generate(out: Path) -> None:
    """Writes the package likebut_client into the folder `out`."""
    api = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    for path in api["paths"].values():
        for operation in path.values():
            _simplify(operation)
    form = api["components"]["schemas"]["ItemsForm"]
    form["additionalProperties"] = form["additionalProperties"]["items"]  # it cannot write several files of any name
    with tempfile.TemporaryDirectory() as folder:
        document, package = Path(folder) / "openapi.json", Path(folder) / "likebut_client"
        document.write_text(json.dumps(api), encoding="utf-8")
        options = ["--meta", "none", "--fail-on-warning", f"--config={HERE / 'generator.yaml'}"]
        subprocess.run(
            [SCRIPTS / "openapi-python-client", "generate", *options, "--path", document, "--output-path", package],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        for file in package.rglob("*.py"):
            code = NOQA.sub("", file.read_text(encoding="utf-8"))
            file.write_text(OPTIONAL_BODY.sub(r"\1,", code), encoding="utf-8")
        rules = ["--fix", "--select", "I,F401,UP"]
        subprocess.run([SCRIPTS / "ruff", "check", *STYLE, *rules, package], check=True)
        subprocess.run([SCRIPTS / "ruff", "format", *STYLE, package], check=True)
        (package / "py.typed").touch()
        shutil.rmtree(out / package.name, ignore_errors=True)
        shutil.copytree(package, out / package.name)


def _simplify(operation: dict[str, dict[str, dict[str, object]]]) -> None:
    """Removes what the generator cannot tell apart, or would demand."""
    operation.pop("security", None)  # it would demand a key, and a service may have none
    content = operation.get("requestBody", {}).get("content", {})
    if "application/octet-stream" in content:  # all files are of one class, whatever their content type
        for media_type in content.keys() - {"application/json", "application/octet-stream"}:
            del content[media_type]
    if "application/json" in content:  # the same body by another name
        content.pop("application/merge-patch+json", None)


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
