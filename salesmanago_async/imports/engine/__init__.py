"""The machine of an import. Callers see `runs`, `report` and `settings` of the room above; nothing here is public."""
