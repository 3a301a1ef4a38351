"""CapacityEstimate of a gallery in a folder: every machine has all of it, built there or by a writer."""

import math

from index.vectors.encodings import Encoding, IndexOptions
from index.vectors.shards import lists
from service.capacity.demand import GIB, Demand
from service.capacity.estimate import Assumption, CapacityEstimate
from service.capacity.measurements import SHARED, SINGLE, Measurements, Row

SCALE = "deploy/benchmarks/vectors/scale.py"
ENCODER = "deploy/benchmarks/vectors/encoder_cost.py"
HALF, SCALE_BYTES = 2, 4  # bytes of a component, and of a vector's scale
SNAPSHOTS = 4  # the live one, two kept, one that is built
COPIES = 2  # of the vectors, while a build runs: its blocks, and its file


def estimate(demand: Demand, measured: Measurements) -> CapacityEstimate:
    """Machines, memory, disk, times and cost of it; raises ConfigError for an encoder or recall not measured.

    Without a given encoding that of a build is taken, or rabitq if it has fewer obstacles.
    """
    if demand.encoding != "auto":
        return _encoded(demand, measured, demand.encoding)
    usual = _encoded(demand, measured, IndexOptions().encoding_of(int(demand.items * demand.images_per_item)))
    if not usual.obstacles or usual.encoding == "rabitq":
        return usual
    smaller = _encoded(demand, measured, "rabitq")
    return smaller if len(smaller.obstacles) < len(usual.obstacles) else usual


def _encoded(demand: Demand, measured: Measurements, encoding: Encoding) -> CapacityEstimate:
    images = demand.items * demand.images_per_item
    row = {"items": images, "dimension": demand.dimension, "probed": probed(demand, measured, encoding, images)}
    files = {**row, "items": demand.items}
    model = int(encoder_cost(demand, measured)["bytes"])
    shards = measured.shard_bytes(encoding, row)
    vectors = images * (HALF * demand.dimension + SCALE_BYTES)
    tables = measured.serve_bytes()(files)
    memory = model + shards + vectors + 2 * tables  # of two snapshots while one replaces the other
    build = model + measured.build_bytes()(row)
    disk = SNAPSHOTS * (shards + vectors + measured.items_bytes()(files)) + COPIES * images * HALF * demand.dimension
    query = query_ms(demand, measured)
    search = measured.search_ms(encoding)(row)
    filtered = measured.filter_factor(encoding, images)
    cpu = query + search * (1 + demand.filtered * (filtered - 1))
    p50 = query + search  # in one thread, on a machine with a core to spare
    hours = build_hours(demand, measured, encoding, images)
    searching = max(demand.replicas, math.ceil(demand.qps * cpu / 1000 / demand.usable_cores))
    obstacles: list[str] = []
    machines = {"search": searching}
    if memory + build > demand.usable_bytes:  # a rebuild does not fit beside the searches
        machines["writer"] = 1
    for needed, use in ((memory, "to serve"), (build, "to build")):
        if needed > demand.usable_bytes:
            obstacles.append(
                f"a machine needs {needed / GIB:,.0f} GiB {use}, and {demand.usable_bytes / GIB:,.0f} may be filled"
            )
    if p50 > demand.p50_ms:
        obstacles.append(f"p50 is {p50:.0f} ms, and the goal {demand.p50_ms:g}")
    index_hours = sum(hours.values()) - hours["embed"]
    if index_hours > demand.build_h:
        obstacles.append(f"a build takes {index_hours:.0f} hours beside embedding, and the goal is {demand.build_h:g}")
    return CapacityEstimate(
        engine="folder",
        encoding=encoding,
        machines=machines,
        memory_bytes=memory,
        build_memory_bytes=build,
        disk_bytes=disk * sum(machines.values()),
        hours=hours,
        p50_ms=p50,
        cpu_ms=cpu,
        cost_per_hour=sum(machines.values()) * demand.price,
        cost_of_build=hours["embed"] * demand.embedders * demand.price,
        obstacles=obstacles,
        assumptions=[
            *common(demand, measured, encoding, images),
            Assumption("shards", f"{shards / images:.0f} B an image", "index/vectors/encodings.py", "computed"),
            Assumption(
                "items, ids and attributes in memory",
                f"{tables / demand.items:.0f} B an item, twice while a new snapshot replaces the old one",
                SCALE,
                "measured",
            ),
            Assumption(
                "processes",
                "one on each machine, whose model and index use all cores; a further worker holds"
                f" {tables / demand.items:.0f} B an item of its own",
                "docs/operations.md",
                "assumed",
            ),
            Assumption(
                "vectors in half precision",
                f"{vectors / images:.0f} B an image, mapped, and in the page cache for a steady p50",
                "index/vectors/exact.py",
                "computed",
            ),
            Assumption("memory of a build", f"{(build - model) / demand.items:.0f} B an item", SCALE, "measured"),
            Assumption(
                "disk",
                f"{SNAPSHOTS} snapshots, and the vectors {COPIES} times during a build",
                "index/storage/snapshot.py",
                "computed",
            ),
            Assumption(
                "a search with a filter", f"{filtered:.2f} times the CPU time of one without", SCALE, "measured"
            ),
            Assumption(
                "a writer",
                "builds what the others pull, if a build does not fit beside the searches",
                "docs/replicas.md",
                "computed",
            ),
            Assumption("cores", "training and adding are shared by all of them", SCALE, "assumed"),
            Assumption("p50", "the CPU time of a search in one thread, as if a core waited for it", SCALE, "assumed"),
        ],
    )


def probed(demand: Demand, measured: Measurements, encoding: Encoding, images: float) -> float:
    """Lists that a search probes for the recall, at most all."""
    nlist = lists(int(images))
    share = measured.probed(encoding)(images) / nlist if demand.share is None else demand.share
    return min(nlist, share * nlist * measured.lists_factor(demand.recall, encoding))


def build_hours(demand: Demand, measured: Measurements, encoding: Encoding, images: float) -> dict[str, float]:
    """Hours of each part of a build, on one machine, but embedding on all that embed."""
    row = {"items": images, "dimension": demand.dimension, "probed": probed(demand, measured, encoding, images)}
    hours = {"embed": images / embedding_rate(demand, measured) / demand.embedders / 3600}
    for part in (*SHARED, *SINGLE):
        cores = demand.cores if part in SHARED else 1
        hours[part] = measured.part_cpu_s(part, encoding)(row) / cores / 3600
    return hours


def embedding_rate(demand: Demand, measured: Measurements) -> float:
    """Images a second of one machine."""
    if demand.images_per_s is not None:
        return demand.images_per_s
    return float(encoder_cost(demand, measured)["images_per_core_s"]) * demand.cores


def query_ms(demand: Demand, measured: Measurements) -> float:
    """CPU milliseconds of embedding a query."""
    return float(encoder_cost(demand, measured)["query_cpu_ms"]) if demand.query_ms is None else demand.query_ms


def encoder_cost(demand: Demand, measured: Measurements) -> Row:
    """The measured cost of the encoder."""
    return measured.encoders[demand.encoder]


def common(demand: Demand, measured: Measurements, encoding: Encoding, images: float) -> list[Assumption]:
    """Assumptions of every way to keep a gallery."""
    cost, given = encoder_cost(demand, measured), "the command line"
    image, query = demand.images_per_s is None, demand.query_ms is None
    return [
        Assumption(
            "embedding",
            f"{embedding_rate(demand, measured):,.0f} images a second of a machine, {demand.embedders} machines",
            f"{ENCODER} ({cost['backbone']}, {cost['precision']}), times cores" if image else given,
            "measured" if image else "given",
        ),
        Assumption(
            "embedding a query",
            f"{query_ms(demand, measured):.1f} ms of one core",
            f"{ENCODER} ({cost['backbone']}, {cost['precision']})" if query else given,
            "measured" if query else "given",
        ),
        Assumption(
            "search and build",
            f"fitted to {len(measured.encoded(encoding))} galleries of up to {measured.most:,} × 256 drawn vectors",
            SCALE,
            "measured",
        ),
        Assumption(
            "lists that a search probes",
            f"{probed(demand, measured, encoding, images) / lists(int(images)):.2%} of all; drawn vectors are alike in"
            " groups of twenty and in nothing else, and a shop's need fewer: nprobe / nlist of `likebut index inspect`"
            if demand.share is None
            else f"{demand.share:.2%} of all at recall@10 .95",
            SCALE if demand.share is None else "--share",
            "measured" if demand.share is None else "given",
        ),
        Assumption("spare", f"{demand.spare:.0%} of memory and cores stay free", "--spare", "given"),
        Assumption("price", f"{demand.price:g} a machine-hour", "--price", "given"),
    ]
