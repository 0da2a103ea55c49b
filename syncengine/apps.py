from django.apps import AppConfig


class SyncengineConfig(AppConfig):
    name = "syncengine"
    default_auto_field = "django.db.models.BigAutoField"
