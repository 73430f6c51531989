"""The trace of a run: one HDF5 file, written while the run goes on, readable after a kill."""
