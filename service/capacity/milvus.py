"""CapacityEstimate of a gallery in Milvus: query nodes share the segments, and services beside them embed queries."""

import math

from index.milvus.collection import FLAT_MOST
from service.capacity.demand import GIB, Demand
from service.capacity.estimate import Assumption, CapacityEstimate
from service.capacity.folder import SCALE, SNAPSHOTS, build_hours, common, encoder_cost, probed, query_ms
from service.capacity.measurements import Measurements

MEMORY = "deploy/benchmarks/vectors/milvus_memory.py"
SEGMENT_BYTES = 2**30  # Milvus's default dataCoord.segment.maxSize
LOADED = 0.9  # share of a query node's memory that Milvus lets data have
COLLECTIONS = 2  # loaded at once: the live one, and the next while it is built
SPARE_NODES = 1  # that takes the segments of a lost one, since each segment is loaded once
OTHERS = 3  # machines for etcd, the log and the coordinators
RAW = 4  # bytes of a component as it is written: what the size of a segment counts
TEXT, CODE = 4 / 3 * 2, 1  # bytes of a component: of the vector that is read, as a text, and of that in the index


def estimate(demand: Demand, measured: Measurements) -> CapacityEstimate:
    """Machines, memory, disk, times and cost of it; raises ConfigError for a recall that was not measured."""
    images = float(demand.items)  # Milvus has one image of an item
    second = measured.milvus["rows"][-1]
    per_item = _bytes_of_item(demand.dimension, measured) * memory_factor(measured)
    memory = demand.items * per_item
    segment = min(images, SEGMENT_BYTES / (RAW * demand.dimension))  # items of one
    segments = math.ceil(images / segment)
    row = {"items": segment, "dimension": demand.dimension}
    near = probed(demand, measured, "sq8", segment)
    scan = segments * measured.search_ms("sq8")({**row, "probed": near})
    filtered = 1 + demand.filtered * (measured.filter_factor("sq8", segment) - 1)
    by_memory = COLLECTIONS * memory / min(demand.usable_bytes, LOADED * demand.memory_gib * GIB)
    by_cores = demand.qps * scan * filtered / 1000 / demand.usable_cores
    nodes = max(1, math.ceil(by_memory), math.ceil(by_cores)) + SPARE_NODES
    query, adapter = query_ms(demand, measured), float(second["p50_ms"])
    services = max(2, math.ceil(demand.qps * (query + adapter) / 1000 / demand.usable_cores))
    wave = math.ceil(segments / nodes / demand.cores)  # segments one core searches after another
    p50 = query + adapter + wave * scan / segments
    hours = build_hours(demand, measured, "sq8", segment)
    hours = {
        "embed": hours["embed"] * images / segment,
        "insert": _insert_hours(demand, measured),
    }
    builder = int(encoder_cost(demand, measured)["bytes"]) + measured.build_bytes()(
        {"items": images, "dimension": demand.dimension}
    )
    obstacles: list[str] = []
    if demand.items <= FLAT_MOST:
        obstacles.append(f"up to {FLAT_MOST} items are compared one by one: a folder is faster")
    if builder > demand.usable_bytes:
        obstacles.append(
            f"`likebut index build` holds the rows of the source in memory: {builder / GIB:,.0f} GiB, and"
            f" {demand.usable_bytes / GIB:,.0f} may be filled"
        )
    if p50 > demand.p50_ms:
        obstacles.append(f"p50 is {p50:.0f} ms, and the goal {demand.p50_ms:g}")
    if hours["insert"] > demand.build_h:
        obstacles.append(
            f"one process writes all items in {hours['insert']:,.0f} hours, and the goal is {demand.build_h:g}"
        )
    machines = {"query nodes": nodes, "services": services, "etcd, log, coordinators": OTHERS}
    return CapacityEstimate(
        engine="milvus",
        encoding="sq8",
        machines=machines,
        memory_bytes=memory,
        build_memory_bytes=builder,
        disk_bytes=SNAPSHOTS * images * (RAW + CODE + TEXT) * demand.dimension,
        hours=hours,
        p50_ms=p50,
        cpu_ms=query + adapter + scan * filtered,
        cost_per_hour=sum(machines.values()) * demand.price,
        cost_of_build=hours["embed"] * demand.embedders * demand.price,
        obstacles=obstacles,
        assumptions=[
            *common(demand, measured, "sq8", segment),
            Assumption(
                "memory of an item",
                f"{per_item:,.0f} B a copy: its fields, the vector as a text and its code, and"
                f" {memory_factor(measured) - 1:.0%} more, as a server grew by",
                MEMORY,
                "measured",
            ),
            Assumption(
                "writing", f"{second['items'] / second['build_s']:,.0f} items a second, one process", MEMORY, "measured"
            ),
            Assumption("beside the search", f"{adapter:.1f} ms of this service and Milvus's way", MEMORY, "measured"),
            Assumption(
                "segments",
                f"{segments:,} of {segment:,.0f} items, each searched as a gallery of that size",
                f"{SCALE}; Milvus's dataCoord.segment.maxSize (1 GiB)",
                "published",
            ),
            Assumption(
                "a query node",
                f"is filled to {min(LOADED, 1 - demand.spare):.0%}",
                "--spare, and at most 90 % by Milvus's documentation",
                "given",
            ),
            Assumption(
                "query nodes",
                f"hold {COLLECTIONS} collections, each segment once, and {SPARE_NODES} more takes those of a lost one",
                "docs/milvus.md",
                "computed",
            ),
            Assumption("other machines", f"{OTHERS} for etcd, the log and the coordinators", "", "assumed"),
        ],
    )


def memory_factor(measured: Measurements) -> float:
    """How many times the bytes of its items a server grew by, with the larger of the galleries; at least 1."""
    second = measured.milvus["rows"][-1]
    computed = second["items"] * _bytes_of_item(int(second["dimension"]), measured)
    return max(1.0, float(second["server_anonymous"] / computed))


def _bytes_of_item(dimension: int, measured: Measurements) -> float:
    return float(measured.milvus["fields_bytes"] + dimension * (TEXT + CODE))


def _insert_hours(demand: Demand, measured: Measurements) -> float:
    second = measured.milvus["rows"][-1]
    return float(demand.items / (second["items"] / second["build_s"]) / 3600)
