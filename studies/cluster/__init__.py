"""Ray: the cluster of a study, its room for trials, an idle core, a job."""
