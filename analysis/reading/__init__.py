"""From the journal to tables: one row per trial, snapshots of large studies, conditions, trials as users hold them."""
