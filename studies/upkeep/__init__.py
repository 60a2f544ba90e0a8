"""What becomes of a study once it has its answer: renamed, archived, deleted; planned in sentences, then done."""
