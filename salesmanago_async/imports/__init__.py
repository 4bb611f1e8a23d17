"""Records → chunks → requests → outcomes: every record that is read ends in exactly one state."""
