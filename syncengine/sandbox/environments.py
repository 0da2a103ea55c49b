"""What the platform's administration tells of an environment: kind, place, tenant.

The real one is a service of its own (the Power Platform administration API, path and shape as here) that lists all
environments of a tenant; a sandbox's origin has the same path and lists itself.
"""

from syncengine.sandbox.calls import Answer, json_answer
from syncengine.sandbox.declarations import Kind
from syncengine.sandbox.site import Site

PATH = "/providers/microsoft.businessappplatform/scopes/admin/environments"
SCOPE = "/providers/Microsoft.BusinessAppPlatform/scopes/admin/environments"


def answer(site: Site, origin: str) -> Answer:
    settings = site.settings
    linked = {"instanceUrl": origin, "version": settings.version, "uniqueName": f"sandbox{site.record.id}"}
    return json_answer(
        200,
        {
            "value": [
                {
                    "id": f"{SCOPE}/{settings.environment_id}",
                    "type": "Microsoft.BusinessAppPlatform/scopes/environments",
                    "location": settings.data_centre,
                    "name": settings.environment_id,
                    "properties": {
                        "tenantId": settings.tenant_id,
                        "displayName": site.record.name,
                        "azureRegion": settings.data_centre,
                        "environmentSku": "Trial" if settings.is_trial else "Production",
                        "isDefault": False,
                        "linkedEnvironmentMetadata": linked if site.record.kind is Kind.DATAVERSE else None,
                    },
                }
            ]
        },
    )
