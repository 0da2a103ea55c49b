"""Data packages: many rows in and out as CSV files in a zip, in the background, with a status to ask for.

actions          what clients call        runner, executions   what runs, one after another for a definition group
blobs            files and their signed addresses               package_files, package_csv   what is in a zip
imports, staging, error_files             exports              definition_groups
"""
