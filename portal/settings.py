"""Django's settings. What differs between installations comes from the environment; README lists the variables.

A command typed beside a running group (`manage.py shell`) finds the embedded services by `var/state.json`.
"""

import os
import secrets
from urllib.parse import urlsplit

from portal import logs
from portal.addresses import broker_url, cache_url, database_settings
from portal.stack import keys
from portal.stack.paths import PROJECT, layout
from portal.stack.state import effective_environment

BASE_DIR = PROJECT
PLACE = layout(os.environ)
ENVIRON = effective_environment(PLACE.state, os.environ)
DEBUG = ENVIRON.get("TWOFOLD_DEBUG") == "1"

# --- Addresses ---------------------------------------------------------------------------------------------------

DATABASE_URL = ENVIRON.get("DATABASE_URL") or "postgresql:///twofold"
SANDBOX_DATABASE_URL = ENVIRON.get("SANDBOX_DATABASE_URL") or "postgresql:///twofold_sandbox"
REDIS_URL = ENVIRON.get("REDIS_URL") or "redis://127.0.0.1:6379/0"
HOST = ENVIRON.get("TWOFOLD_HOST") or "127.0.0.1"
PORTAL_URL = (ENVIRON.get("TWOFOLD_PORTAL_URL") or f"http://127.0.0.1:{ENVIRON.get('TWOFOLD_PORT') or 8000}").rstrip(
    "/"
)
PUBLIC_URL = (
    ENVIRON.get("TWOFOLD_PUBLIC_URL") or f"http://127.0.0.1:{ENVIRON.get('TWOFOLD_SYNC_PORT') or 8001}"
).rstrip("/")  # environments call back here
SANDBOX_URL = f"http://127.0.0.1:{ENVIRON.get('TWOFOLD_SANDBOX_PORT') or 8070}"  # management of the sandboxes

# --- Secrets -----------------------------------------------------------------------------------------------------

_KEYS = keys.load(PLACE)
SECRET_KEY = ENVIRON.get("TWOFOLD_SECRET_KEY") or (_KEYS.secret if _KEYS else secrets.token_urlsafe(50))
ENCRYPTION_KEYS = [
    key.strip()
    for key in (ENVIRON.get("TWOFOLD_ENCRYPTION_KEY") or (_KEYS.encryption if _KEYS else "")).split(",")
    if key.strip()
]  # the first encrypts, all decrypt
SANDBOX_TOKEN = ENVIRON.get("TWOFOLD_SANDBOX_TOKEN") or (_KEYS.sandbox if _KEYS else "")

# --- Application -------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "django_celery_beat",
    "syncengine",
    "portal",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.security.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
DATABASES = {"default": database_settings(DATABASE_URL)}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": cache_url(REDIS_URL)}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SESSION_ENGINE = "django.contrib.sessions.backends.db"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LANGUAGE_CODE = "en"
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
LOGGING = logs.configure("DEBUG" if DEBUG else "INFO")

# --- Static files: hashed names once script/server has collected them, the sources before --------------------------

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = PLACE.static
_IS_COLLECTING = ENVIRON.get("TWOFOLD_COLLECT") == "1"
_COLLECTED = (_IS_COLLECTING or (STATIC_ROOT / "staticfiles.json").exists()) and not DEBUG
WHITENOISE_USE_FINDERS = not _COLLECTED
WHITENOISE_AUTOREFRESH = not _COLLECTED
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if _COLLECTED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# --- Security ----------------------------------------------------------------------------------------------------

_HTTPS = PORTAL_URL.startswith("https://")
ALLOWED_HOSTS = sorted(
    {"localhost", ".localhost", "127.0.0.1", "[::1]", HOST}
    | {urlsplit(url).hostname or "localhost" for url in (PORTAL_URL, PUBLIC_URL)}
    | set(filter(None, ENVIRON.get("TWOFOLD_ALLOWED_HOSTS", "").split(",")))
)
CSRF_TRUSTED_ORIGINS = [PORTAL_URL]
SESSION_COOKIE_NAME = "twofold_session"
CSRF_COOKIE_NAME = "twofold_csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000_000

# --- Mail: to a server when one is named, else to files under var/mail -----------------------------------------------

EMAIL_HOST = ENVIRON.get("TWOFOLD_SMTP_HOST", "")
EMAIL_PORT = int(ENVIRON.get("TWOFOLD_SMTP_PORT") or 25)
EMAIL_HOST_USER = ENVIRON.get("TWOFOLD_SMTP_USER", "")
EMAIL_HOST_PASSWORD = ENVIRON.get("TWOFOLD_SMTP_PASSWORD", "")
EMAIL_USE_TLS = ENVIRON.get("TWOFOLD_SMTP_TLS") == "1"
EMAIL_TIMEOUT = 20
EMAIL_FILE_PATH = PLACE.mail
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'filebased'}.EmailBackend"
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENVIRON.get("TWOFOLD_SMTP_FROM") or "twofold@localhost"

# --- Celery: a doorbell, so messages may be lost, doubled or late ----------------------------------------------------

CELERY_BROKER_URL = broker_url(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_DEFAULT_QUEUE = "control"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "syncengine.tasks.control_sweep", "schedule": float(ENVIRON.get("TWOFOLD_SWEEP_S") or 5)},
    "alerts": {"task": "syncengine.tasks.control_alerts", "schedule": float(ENVIRON.get("TWOFOLD_ALERTS_S") or 5)},
    "tidy": {"task": "syncengine.tasks.control_tidy", "schedule": 3600.0},
}

# --- Capture: how often environments are asked for changes, in seconds -----------------------------------------------

PUSH_ENABLED = ENVIRON.get("TWOFOLD_PUSH") != "0"
CAPTURE_RHYTHM = {
    "poll_s": float(ENVIRON.get("TWOFOLD_POLL_S") or 5),
    "poll_with_push_s": float(ENVIRON.get("TWOFOLD_POLL_WITH_PUSH_S") or 60),
    "listing_s": float(ENVIRON.get("TWOFOLD_LISTING_S") or 60),
    "listing_with_push_s": float(ENVIRON.get("TWOFOLD_LISTING_WITH_PUSH_S") or 600),
}
SPOOL_FOLDER = PLACE.var / "spool"
