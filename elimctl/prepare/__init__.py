"""From raw rows to crops to a store, one atomic shard at a time."""
