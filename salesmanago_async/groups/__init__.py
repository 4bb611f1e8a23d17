"""The groups of a client: `sm.contacts`, `sm.events`, … Most methods send one request; the others combine several."""
