"""What the model wrote: tags, faults, confidence, speakers."""
