"""Settings of the process that environments call: the same, with its own addresses and nothing for people."""

from portal.settings import *  # noqa: F403 - settings modules are extended this way

ROOT_URLCONF = "portal.urls_sync"
WSGI_APPLICATION = "portal.wsgi_sync.application"
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
