"""Sound in, transcripts out: what the page and the command line share."""
