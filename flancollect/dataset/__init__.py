"""The build folder on disk, written and read: jobs of rendered rows, shards of the mixture, the manifest."""
