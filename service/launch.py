"""Starts the service: in this process, or with several workers."""

import os
import sys
from collections.abc import Sequence

from service import listening, machine
from service.settings import Settings
from service.supervisor import Supervisor


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or Ctrl-C, with several processes if so set; raises what `create_app` raises.

    Raises ConfigError also if an address is in use, or if other machines could reach the service without a key.
    """
    # read when pyarrow is imported: its own pools would keep some 30 MiB of what is read once, at the start
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    settings = settings.model_copy(update={"workers": settings.workers or machine.workers(settings)})
    groups = [listening.sockets(settings, settings.port, option="--port")]
    if settings.admin_port is not None:
        groups.append(listening.sockets(settings, settings.admin_port, option="--admin-port"))
        settings = settings.model_copy(update={"admin_port": groups[1][0].getsockname()[1]})  # the option may be 0
    of_workers = list(zip(*groups, strict=True))
    if settings.workers > 1:
        Supervisor(settings, of_workers).run()
        return
    from service import server  # here, since a supervisor needs no more than what is imported above

    server.run(settings, of_workers, ready=_print)


def _print(lines: Sequence[str]) -> None:
    for line in lines:
        print(f"likebut: {line}", file=sys.stderr, flush=True)
