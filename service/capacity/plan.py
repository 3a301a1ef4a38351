"""The choice between a gallery in a folder and one in Milvus, and the text of both estimates."""

import math
from collections.abc import Sequence
from dataclasses import asdict, replace

from models.errors import ConfigError
from service.capacity import folder, milvus
from service.capacity.demand import GIB, Demand
from service.capacity.estimate import CapacityEstimate
from service.capacity.measurements import Measurements

TIB = 1024 * GIB
LACKS = "has no search by words, suggestions or several images of an item (docs/milvus.md)"
STEPS = 40  # halvings of the search for the number of items from which Milvus is chosen


def estimates(demand: Demand, measured: Measurements) -> Sequence[CapacityEstimate]:
    """Both, the chosen one first: the folder unless something stands in its way, since it needs no server.

    Raises ConfigError for an encoder, encoding or recall that was not measured.
    """
    if demand.encoder not in measured.encoders:
        raise ConfigError(
            f"the encoder {demand.encoder!r} was not measured: choose from {', '.join(measured.encoders)}"
        )
    in_folder, in_milvus = folder.estimate(demand, measured), milvus.estimate(demand, measured)
    return (in_milvus, in_folder) if in_folder.obstacles else (in_folder, in_milvus)


def most_in_folder(demand: Demand, measured: Measurements) -> int:
    """The most items, to two digits, of a gallery in a folder without an obstacle; 0 if it always has one."""
    low, high = 3.0, 11.0  # powers of ten
    if folder.estimate(replace(demand, items=1000), measured).obstacles:
        return 0
    for _ in range(STEPS):
        middle = (low + high) / 2
        if folder.estimate(replace(demand, items=int(10**middle)), measured).obstacles:
            high = middle
        else:
            low = middle
    digit: int = 10 ** (math.floor(low) - 1)
    return int(10**low) // digit * digit


def as_json(demand: Demand, measured: Measurements) -> dict[str, object]:
    """All of it for programs."""
    chosen, other = estimates(demand, measured)
    return {
        "demand": asdict(demand),
        "chosen": chosen.engine,
        "most_items_in_a_folder": most_in_folder(demand, measured),
        "estimates": [asdict(chosen), asdict(other)],
    }


def as_text(demand: Demand, measured: Measurements) -> str:
    """All of it for people."""
    chosen, other = estimates(demand, measured)
    most = most_in_folder(demand, measured)
    lines = [
        f"{demand.items:,} items × {demand.dimension}, {demand.qps:g} searches/s, recall@10 {demand.recall:g}, on"
        f" machines of {demand.cores} cores and {demand.memory_gib:g} GiB",
        "",
        f"A gallery in a folder serves up to {most:,} items here; beyond, take Milvus, which {LACKS}."
        if most
        else "A folder does not reach these goals at any size.",
        f"Chosen: {_name(chosen)}",
        *_estimate(chosen),
        "",
        f"The other: {_name(other)}",
        *_estimate(other),
        "",
        f"Assumptions of the chosen one; beyond {measured.most:,} items all figures are extrapolated:",
        *(
            f"  {line.name}: {line.value} [{line.kind}{': ' + line.source if line.source else ''}]"
            for line in chosen.assumptions
        ),
    ]
    return "\n".join(lines)


def as_table(demands: Sequence[Demand], measured: Measurements) -> str:
    """Both estimates of several demands as a table in Markdown, the chosen one of each in bold."""
    lines = [
        "| items | in | machines | memory a copy | build's memory | disk | embedding | rest of the build | p50 ms"
        " | an hour | obstacles |",
        "|---" * 11 + "|",
    ]
    for demand in demands:
        chosen, other = estimates(demand, measured)
        for estimate in sorted((chosen, other), key=lambda estimate: estimate.engine):
            name = f"{estimate.engine}, {estimate.encoding}"
            rest = sum(estimate.hours.values()) - estimate.hours["embed"]
            cells = (
                f"{demand.items:,}",
                f"**{name}**" if estimate is chosen else name,
                f"{sum(estimate.machines.values()):,}",
                _size(estimate.memory_bytes),
                _size(estimate.build_memory_bytes),
                _size(estimate.disk_bytes),
                _hours(estimate.hours["embed"]),
                _hours(rest),
                f"{estimate.p50_ms:,.0f}",
                f"{estimate.cost_per_hour:,.0f}",
                f"{len(estimate.obstacles) or ''}",
            )
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _name(estimate: CapacityEstimate) -> str:
    return f"a gallery in {'a folder' if estimate.engine == 'folder' else 'Milvus'}, {estimate.encoding}"


def _estimate(estimate: CapacityEstimate) -> list[str]:
    machines = ", ".join(f"{count} {name}" for name, count in estimate.machines.items())
    hours = ", ".join(f"{name} {_hours(value)}" for name, value in estimate.hours.items())
    return [
        f"  machines   {sum(estimate.machines.values())} ({machines})",
        f"  memory     {_size(estimate.memory_bytes)} a copy; a build {_size(estimate.build_memory_bytes)}",
        f"  disk       {_size(estimate.disk_bytes)}",
        f"  build      {_hours(sum(estimate.hours.values()))}: {hours}",
        f"  search     p50 {estimate.p50_ms:.1f} ms, {estimate.cpu_ms:.1f} ms of cores",
        f"  cost       {estimate.cost_per_hour:,.2f} an hour; embedding all once {estimate.cost_of_build:,.2f}",
        *(f"  obstacle   {obstacle}" for obstacle in estimate.obstacles),
    ]


def _size(count: float) -> str:
    return f"{count / TIB:,.1f} TiB" if count >= TIB else f"{count / GIB:,.1f} GiB"


def _hours(value: float) -> str:
    if value >= 48:
        return f"{value / 24:,.1f} d"
    return f"{value:.1f} h" if value >= 1 else f"{60 * value:.1f} min"
