"""What each column of each table means: said once, here, for files, help texts and the format's page."""

from qflsim.trace.tables import TABLES, units

COMMON = {
    "t_ns": "when the row was recorded",
    "device": "number of the device",
    "site": "number of the site",
    "participation": "number of the participation, in the order of invitations",
    "version": "number of the version",
    "name": "its name",
    "complete": "whether it came to its end; otherwise it was cut off",
    "angles": "the parameter vector: gamma_1 to gamma_p, then beta_1 to beta_p, or the weights of a classifier",
}
"""Columns that mean the same wherever nothing else is said."""

MEANINGS = {
    "devices": {
        "device": "number of the device: its row, counted from 0",
        "group": "the group of the scenario that it belongs to",
        "processor": "the make of its quantum processor",
        "data_class": "the class of the data that it trains on",
        "eirp_dbm": "the most power that it radiates, antenna gain included",
        "noise_figure_db": "noise figure of its receiver",
        "height_m": "height of its antenna above the ground",
        "penetration_loss_db": "loss of the building or vehicle that it is in",
        "indoor": "whether that is a building",
    },
    "sites": {
        "site": "number of the site: its row, counted from 0",
        "x_m": "place along the first axis (east)",
        "y_m": "place along the second axis (north)",
        "height_m": "height of its antennas above the ground",
        "carrier_hz": "carrier frequency",
        "bandwidth_hz": "bandwidth",
        "power_dbm": "transmit power, without antenna gain",
        "antenna_gain_dbi": "greatest gain of its antennas",
    },
    "cells": {
        "cell": "number of the cell: its row, counted from 0",
        "site": "number of the site that it belongs to",
        "azimuth_deg": "where it looks, from the x axis towards the y axis; nan for a whole site",
    },
    "presence": {"on_ns": "when it comes", "off_ns": "when it goes"},
    "legs": {
        "t_ns": "when somebody first asked for it: laws of motion draw legs as they are needed",
        "start_ns": "when it begins",
        "end_ns": "when it ends, also beyond the run",
        "x_m": "place along the first axis (east) at its start",
        "y_m": "place along the second axis (north) at its start",
        "vx_m_per_s": "velocity along the first axis",
        "vy_m_per_s": "velocity along the second axis",
    },
    "outages": {
        "start_ns": "when it began, also before the run",
        "end_ns": "when it will be over, also beyond the run",
    },
    "handovers": {
        "t_ns": "when it was completed",
        "from_cell": "number of the cell that served the device before",
        "to_cell": "number of the cell that serves it from now on",
        "start_ns": "when the interruption began",
        "reason": "why",
    },
    "transfers": {
        "direction": "which way",
        "start_ns": "when the device began to look for a cell",
        "end_ns": "when it ended or was cut off",
        "sharing_ns": "time in which a cell served it among others",
        "uncovered_ns": "time in which the serving cell was too weak, or none strong enough",
        "handover_ns": "time in interruptions by handovers and in re-establishments",
        "outage_ns": "time in which the serving site, or every site that would cover it, was down",
        "backhaul_ns": "time between site and server",
        "first_cell": "number of the cell that served it first; -1 if none did",
        "last_cell": "number of the cell that served it last; -1 if none did",
        "handovers": "how often it changed its cell",
        "outages": "how often its serving site failed",
        "model_bit": "size of the parameters",
        "header_bit": "size of headers, signature and handshake",
        "co_model_bit": "size of the classical model that rides along",
        "sent_bit": "what was carried over the air, in vain before a restart too",
    },
    "trainings": {
        "queued_ns": "when it was ready for a processor",
        "start_ns": "when it got one; -1 if it never did",
        "end_ns": "when it ended or was cut off",
        "compile_ns": "time that compilation takes at its beginning",
        "circuits": "how many circuits it runs",
        "shots": "shots of each circuit",
        "circuit_s": "mean duration of one circuit, once",
        "energy_j": "what the processor spent on it",
        "site": "number of the site where the processor stands; -1 for the device itself",
        "outages": "how often the processor lost its power",
    },
    "updates": {
        "device_participation": "number among the participations of its device, from 0",
        "round": "number of the round in which it was invited, from 0; -1 where there are no rounds",
        "invited_ns": "when it was invited",
        "download_start_ns": "when a cell first served its download",
        "download_end_ns": "when the model was at the device",
        "training_start_ns": "when it got a processor",
        "training_end_ns": "when it had trained",
        "upload_start_ns": "when a cell first served its upload",
        "arrived_ns": "when its update was at the server",
        "ended_ns": "when its fate was known",
        "base_version": "number of the version that it downloaded; -1 if none",
        "applied_version": "number of the version that it became part of; -1 if none",
        "staleness": "versions made between download and application; -1 if its application was never considered",
        "weight": "what multiplied its update in the version; 0 if it was not applied",
        "fate": "how it ended",
        "energy_j": "what the device itself spent, without the processor that the circuits ran on",
    },
    "versions": {
        "contributors": "how many updates it was made of",
        "stand_ins": "how many earlier updates stood in for missing ones",
        "last_participation": "number of the participation that arrived last among its contributors; -1 for version 0",
        "mean_staleness": "mean staleness of its contributors",
    },
    "evaluations": {
        "t_ns": "when the version was made",
        "version": "number of the version; -1 for a baseline",
        "metric": "what was measured / of which class of data; a baseline's begins with the baseline's name",
        "value": "its value",
        "half_width": "half the width of the 95 % confidence interval; nan where there is none",
    },
    "version_angles": {"t_ns": "when the version was made"},
    "update_angles": {"t_ns": "when the version that it was applied in was made"},
    "events": {
        "t_ns": "when it happened",
        "happening": "what happened",
        "device": "number of the device that it happened to; -1 if to none",
        "participation": "number of the participation that it happened to; -1 if to none",
        "site": "number of the site that it happened at; -1 if at none",
        "value": "depends on what happened (see Happening); 0 if nothing is said there",
    },
    "pauses": {
        "t_ns": "when it was over",
        "direction": "which way the transfer goes",
        "cause": "why nothing was carried",
        "start_ns": "when it began",
    },
    "link_samples": {
        "t_ns": "when the link was looked at",
        "participation": "number of the participation on its way",
        "cell": "number of the cell",
        "x_m": "place of the device along the first axis (east)",
        "y_m": "place of the device along the second axis (north)",
        "gain_db": "path loss, shadowing, blockage and the cell's antenna, as a gain",
        "downlink_sinr_db": "mean SINR at the device over the whole band; minus infinity where the site is down",
        "uplink_margin_db": "SNR of the narrowest uplink transmission, at most the downlink's SINR; likewise",
        "downlink_bit_per_s": "mean rate if the whole cell served this device alone; 0 where it does not cover it",
        "uplink_bit_per_s": "likewise from the device",
    },
}
"""What else the columns of each table mean."""


def meanings(table: str) -> dict[str, str]:
    """What each column of a table means, in the order of the columns."""
    return {column: MEANINGS[table].get(column) or COMMON[column] for column in TABLES[table]._fields}


def columns_told(table: str) -> str:
    """A line for each column of a table's data frame: name, unit, meaning."""
    unit_of = units(TABLES[table])
    lines = []
    for column, meaning in meanings(table).items():
        unit = {"ns": "s"}.get(unit_of.get(column, ""), unit_of.get(column))
        name = column.removesuffix("_ns") + "_s" if column.endswith("_ns") else column
        name = "angle_0, angle_1, ..." if column == "angles" else name
        lines.append(f"    {name}{f' [{unit}]' if unit else ''}: {meaning}")
    return "\n".join(lines)
