"""The simulated Finance and Operations OData service."""
