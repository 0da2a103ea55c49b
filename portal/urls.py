"""Addresses that people open. What environments call is in `portal.urls_sync`."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

from portal.health import healthz, readyz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("accounts/login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("", include("portal.views.urls")),
]
