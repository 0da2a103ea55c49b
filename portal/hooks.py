"""Where environments call: notifications of changes. They are in the journal before the answer goes out."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from syncengine.errors import SyncError
from syncengine.services import capture


@csrf_exempt
@login_not_required
@require_POST
def hook(request: HttpRequest, token: str) -> HttpResponse:
    """202 once the changes are in the journal. 403 for a stranger, 400 for a body that is no notification."""
    secret = request.headers.get("X-Twofold-Secret", "")
    try:
        appended = capture.receive(token, secret=secret, body=request.body)
    except PermissionError:
        return JsonResponse({"error": "Unknown address or wrong secret."}, status=403)
    except SyncError as error:
        return JsonResponse({"error": str(error)}, status=400)
    return JsonResponse({"appended": appended}, status=202)
