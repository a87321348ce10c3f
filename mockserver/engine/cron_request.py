"""The request of the run that a cron creates."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, structs

from mockserver.core.crons import Cron
from mockserver.schemas.common import RunRequest


def cron_request(cron: Cron) -> RunRequest:
    """Return the request of a cron's run. The run's configuration includes the cron's id."""
    fields = {name: value for name, value in cron.payload.items() if name in RunRequest.__struct_fields__}
    request = msgspec.convert(fields, RunRequest)
    named = {"cron_id": cron.cron_id}
    # `configurable` and `context` together are refused, so the id goes where the cron's own configuration is.
    if request.context:
        request = structs.replace(request, context={**request.context, **named})
    else:
        config = structs.replace(request.config, configurable={**request.config.configurable, **named})
        request = structs.replace(request, config=config)
    # On a thread of the client's the run keeps everything. A new thread
    # per run is deleted by default, as for stateless runs.
    kept = UNSET if cron.thread is not None else "keep" if cron.on_run_completed == "keep" else "delete"
    return structs.replace(request, on_completion=kept)
