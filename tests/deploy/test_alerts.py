"""The alerts and the dashboard: Prometheus accepts them, each alert fires, and they name what the service measures."""

import asyncio
import json
import re
from itertools import combinations
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from models.errors import LikebutError
from service.errors import reason
from service.http.app import create_app
from service.settings import Settings
from tests.deploy.conftest import ROOT, Tool

PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = yaml.safe_load((PROMETHEUS / "alerts.yaml").read_text(encoding="utf-8"))
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}
TESTS = yaml.safe_load((PROMETHEUS / "alerts_test.yaml").read_text(encoding="utf-8"))["tests"]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "likebut.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}


def test_prometheus_accepts_its_configuration_and_the_alerts(tool: Tool) -> None:
    tool("promtool", "check", "config", "--syntax-only", PROMETHEUS / "prometheus.yaml")
    tool("promtool", "check", "rules", "--lint-fatal", PROMETHEUS / "alerts.yaml")


def test_each_alert_fires_and_a_quiet_service_calls_nobody(tool: Tool) -> None:
    tool("promtool", "test", "rules", "alerts_test.yaml", cwd=PROMETHEUS)


def test_no_alert_is_without_a_test() -> None:
    quiet = {asked["alertname"] for asked in TESTS[0]["alert_rule_test"]}
    fires = {asked["alertname"] for test in TESTS for asked in test["alert_rule_test"] if asked.get("exp_alerts")}
    assert quiet == fires == set(ALERTS)
    assert not any(asked.get("exp_alerts") for asked in TESTS[0]["alert_rule_test"])


def test_prometheus_understands_every_query_of_the_dashboard(tool: Tool, tmp_path: Path) -> None:
    queries = [query.replace("$__rate_interval", "5m") for query in QUERIES]
    rules = [{"record": f"panel:query{number}", "expr": query} for number, query in enumerate(queries)]
    (tmp_path / "queries.yaml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    tool("promtool", "check", "rules", tmp_path / "queries.yaml")


def test_the_dashboard_is_laid_out_without_gaps_in_its_numbers_or_panels_over_each_other() -> None:
    assert [panel["id"] for panel in DASHBOARD["panels"]] == list(range(1, len(DASHBOARD["panels"]) + 1))
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for a, b in combinations(places, 2):
        apart = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        assert apart or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"], (a, b)


@pytest.fixture(scope="module")
def measured(gallery: Path) -> dict[str, str]:
    """Every series that a running service has, with the name of its metric."""

    async def text() -> str:
        app = create_app(Settings(gallery=gallery))
        async with app.router.lifespan_context(app):
            return str(app.state.service.metrics.text(), "utf-8")

    families = list(text_string_to_metric_families(asyncio.run(text())))
    names = {family.name + suffix: family.name for family in families for suffix in SUFFIXES.get(family.type, ("",))}
    return {name: metric for name, metric in names.items() if not name.endswith("_created")}


def named(queries: list[str]) -> set[str]:
    return set(re.findall(r"\b(?:likebut|process)_\w+", " ".join(re.sub(r'"[^"]*"', "", query) for query in queries)))


def test_alerts_and_dashboard_ask_for_what_the_service_measures(measured: dict[str, str]) -> None:
    asked = named([rule["expr"] for rule in ALERTS.values()]) | named(QUERIES)
    assert asked <= set(measured)


def test_nothing_that_the_service_measures_is_without_a_panel(measured: dict[str, str]) -> None:
    shown = {measured.get(name) for name in named(QUERIES)}
    assert {metric for metric in measured.values() if metric.startswith("likebut_")} <= shown


def test_the_alerts_name_reasons_and_routes_that_there_are() -> None:
    queries = " ".join(rule["expr"] for rule in ALERTS.values())
    reasons = {word for group in re.findall(r'reason=~?"([^"]*)"', queries) for word in group.split("|")}
    routes = {word for group in re.findall(r'route=~?"([^"]*)"', queries) for word in group.split("|")}
    assert reasons <= {reason(kind.__new__(kind)) for kind in below(LikebutError)}
    assert routes <= set(create_app(Settings()).openapi()["paths"])


def below(kind: type[LikebutError]) -> set[type[LikebutError]]:
    return {kind}.union(*(below(each) for each in kind.__subclasses__()))
