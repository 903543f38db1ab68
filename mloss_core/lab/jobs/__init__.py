"""Jobs: their records on disk, the workers that do them, and the processes that own a device."""
