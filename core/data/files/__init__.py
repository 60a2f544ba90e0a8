"""What lies on the disk: originals that a user brings, caches that all processes of a node map, and their readers."""
