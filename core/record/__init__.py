"""What a study leaves on the disk: its record, the journal of its events, and where these say that it stands."""
