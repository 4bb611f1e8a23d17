"""The rooms of a client: `sm.contacts`, `sm.events`, … Each call sends a request value; sugar is a plain method."""
