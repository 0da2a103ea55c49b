"""Whether this process lives, and whether it can do its duty."""

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@login_not_required
@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Changes can be appended to the journal. An engine at rest is no reason to stop receiving."""
    try:
        problem = append_problem()
    except DatabaseError:
        problem = "the database does not answer"
    if problem:
        return HttpResponse(f"not ready: {problem}\n", status=503, content_type="text/plain")
    return HttpResponse("ready\n", content_type="text/plain")


def append_problem() -> str:
    """What keeps a row from being appended. The message reaches the log on disk and leaves no row behind."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('transaction_read_only') = 'on' OR pg_is_in_recovery(),"
            " coalesce(has_table_privilege(to_regclass('syncengine_change'), 'INSERT'), false)"
        )
        is_read_only, may_insert = cursor.fetchone()
        if is_read_only:
            return "the database is read-only"
        if not may_insert:
            return "the journal is not there"
        cursor.execute("SELECT pg_logical_emit_message(true, 'twofold', 'ready')")
    return ""
