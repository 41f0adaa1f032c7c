"""The numbered steps of the schema; each file is one step, applied once, never edited."""
