"""The radio laws: path loss, spatial fields, fading, rate, handover, and the sharing of a cell."""
