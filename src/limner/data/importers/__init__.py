"""Public data sets in their published layouts, one file each, and what the importers share."""
