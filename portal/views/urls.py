"""Addresses of the pages. A fragment's address, view, template and element carry one name."""

from django.urls import path

from portal.views import activity, alerts, links, map_actions, map_filters, map_page, maps, overview, runs, search
from portal.views import sync_errors as errors
from portal.views.set_up import checks, companies, environments, solution, steps, summary

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("overview/now/", overview.overview_now, name="overview-now"),
    path("overview/throughput/", overview.overview_throughput, name="overview-throughput"),
    path("link/", links.choose_link, name="choose-link"),
    path("search/", search.search, name="search"),
    path("set-up/", steps.set_up, name="set-up"),
    path("set-up/environments/", environments.environments, name="set-up-environments"),
    path("set-up/environments/add/", environments.environment_add, name="set-up-environment-add"),
    path("set-up/companies/", companies.companies, name="set-up-companies"),
    path("set-up/checks/", checks.checks, name="set-up-checks"),
    path("set-up/checks/run/", checks.checks_run, name="set-up-checks-run"),
    path("set-up/summary/", summary.summary, name="set-up-summary"),
    path("set-up/solution/", solution.solution, name="set-up-solution"),
    path("maps/", maps.map_list, name="map-list"),
    path("maps/rows/", maps.map_rows, name="map-rows"),
    path("maps/actions/<str:action>/", map_actions.map_action, name="map-action"),
    path("maps/<int:pk>/", map_page.map_page, name="map-page"),
    path("maps/<int:pk>/now/", map_page.map_now, name="map-now"),
    path("maps/<int:pk>/filters/", map_filters.map_filters, name="map-filters"),
    path("maps/<int:pk>/filters/preview/", map_filters.filters_preview, name="filters-preview"),
    path("maps/<int:pk>/queue/", map_page.map_queue, name="map-queue"),
    path("maps/<int:pk>/activity/", map_page.map_activity, name="map-activity"),
    path("maps/<int:pk>/errors/", map_page.map_errors, name="map-errors"),
    path("runs/", runs.run_list, name="run-list"),
    path("runs/rows/", runs.run_rows, name="run-rows"),
    path("runs/<int:pk>/", runs.run_page, name="run-page"),
    path("runs/<int:pk>/now/", runs.run_now, name="run-now"),
    path("errors/", errors.error_list, name="error-list"),
    path("errors/rows/", errors.error_rows, name="error-rows"),
    path("errors/retry/", errors.retry_errors, name="retry-errors"),
    path("errors/<int:pk>/", errors.error_page, name="error-page"),
    path("errors/<int:pk>/values/", errors.error_values, name="error-values"),
    path("activity/", activity.activity, name="activity"),
    path("alerts/", alerts.alert_list, name="alert-list"),
    path("alerts/add/", alerts.alert_add, name="alert-add"),
    path("alerts/<int:pk>/", alerts.alert_edit, name="alert-edit"),
    path("alerts/<int:pk>/delete/", alerts.alert_delete, name="alert-delete"),
    path("notifications/", alerts.notifications, name="notifications"),
]
