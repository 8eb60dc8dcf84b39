"""Image stores on disk, and readers that gather batches from them."""
