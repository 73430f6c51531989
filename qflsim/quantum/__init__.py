"""The quantum engine: QAOA energies and gradients on Lightning's state vectors."""
