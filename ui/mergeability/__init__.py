"""The Mergeability page."""
