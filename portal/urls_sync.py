"""Addresses that environments call."""

from django.urls import path

from portal.health import healthz, readyz
from portal.hooks import hook

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("hooks/<str:token>/", hook, name="hook"),
]
