"""Whether a study is what it says: all stores against the journal, and one trial run again."""
