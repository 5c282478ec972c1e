# Written by `make generate`. Do not edit: the next run overwrites it.
"""Contains methods for accessing the API"""
