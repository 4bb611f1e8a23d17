"""What belongs to one framework or one other service. The library imports none of it: import what you use."""
