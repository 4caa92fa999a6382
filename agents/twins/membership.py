"""Membership: was a vehicle in the run? Asked of sums, which hold all messages and none of them by itself.

A message by itself needs no attack: it bears the vehicle's number. E = episodes, I = EVs, F = features of the sums.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import rankdata

from agents.twins.eavesdropper import Overheard
from agents.twins.observers import OFFERED, offers_at_stations
from cosim.interface import FleetSpec, Floats

#: Vehicles that started alike, whose mean message stands for that of the one in question.
ALIKE = 25
#: A kilometre between two starts counts as much as so many points of the state of charge.
POINTS_PER_KM = 10.0
#: How far sums are taken to vary independently of each other; there are few episodes to learn it from.
SHRINKAGE = 0.5
#: Spread of a sum at least [kWh].
LEAST_KWH = 1.0


def members_found(spec: FleetSpec, known: Overheard, asked: Overheard) -> Floats:
    """How well members of a run are told from others who might have been in it, by the run's sums.

    The attacker knows where and with what charge a vehicle started, and asks whether it was in the run. Members are the
    vehicles of the run; strangers are those of the next one, whose starts are drawn alike, so that nothing but
    membership sets them apart. He has learned from other runs what a vehicle with such a start offers, how
    sums lie around their mean, and takes the ratio of likelihoods of the sums with the vehicle in the place of an
    average one and without, as if sums were normal.

    Args:
        spec: The fleet.
        known: Episodes that he knows all about.
        asked: Other episodes, of which he hears the sums.

    Returns:
        Probability that a member looks likelier than a stranger (area under the ROC curve), episode by episode,
        shape [E]; 0.5 is a guess. NaN where there is one episode only.

    Source:
        Sankararaman et al. 2009, "Genomic privacy and limits of individual detection in a pool": no test is more
        powerful than the ratio of likelihoods; Pyrgelis et al. 2018, "Knock knock, who's there?", for sums of places.
    """
    episodes = len(asked.decided)
    if episodes < 2:
        return np.full(episodes, np.nan)
    sums_kwh = _sums(known)
    usual_kwh, weight = sums_kwh.mean(axis=0), _precision(sums_kwh)
    meant_kwh = _meant(spec, known, asked)
    surprise_kwh = _sums(asked) - usual_kwh
    ratio_here = _log_ratio(meant_kwh, surprise_kwh, weight)
    ratio_elsewhere = _log_ratio(np.roll(meant_kwh, -1, axis=0), surprise_kwh, weight)
    return _area(ratio_here, ratio_elsewhere)


def _sums(heard: Overheard) -> Floats:
    """What all mean to feed in and to draw, when all have decided in the first slot [kWh], shape [E, F]."""
    both = np.stack([heard.fed_kwh[:, 0, :, :OFFERED], heard.drawn_kwh[:, 0, :, :OFFERED]], axis=1)
    sums_kwh: Floats = both.reshape(len(both), -1).astype(np.float64)
    return sums_kwh


def _shares(heard: Overheard) -> Floats:
    """What each vehicle adds to these sums [kWh], shape [E, I, F]."""
    offer_kwh, stations = heard.offer_kwh[:, :1].astype(np.float64), heard.fed_kwh.shape[2]
    shares_kwh = offers_at_stations(offer_kwh, heard.station[:, :1], stations)[:, 0]
    return shares_kwh.reshape(*shares_kwh.shape[:2], -1)


def _meant(spec: FleetSpec, known: Overheard, asked: Overheard) -> Floats:
    """What vehicles that start as those in question offer on average, beyond what all do [kWh], shape [E, I, F]."""
    shares_kwh = _shares(known)
    shares_kwh = shares_kwh.reshape(-1, shares_kwh.shape[-1])
    starts, of_asked = (_starts(spec, heard) for heard in (known, asked))
    count = min(ALIKE, len(starts))
    _, alike = cKDTree(starts).query(of_asked, k=count)
    meant_kwh: Floats = shares_kwh[alike.reshape(len(of_asked), count)].mean(axis=1) - shares_kwh.mean(axis=0)
    return meant_kwh.reshape(*asked.decided[:, 0].shape, -1)


def _starts(spec: FleetSpec, heard: Overheard) -> Floats:
    """Where vehicles start, and with what charge, in points of the battery; shape [E * I, 3]."""
    charge = heard.energy_kwh[:, 0].reshape(-1, 1) * 100.0 / spec.battery_kwh
    return np.concatenate([heard.position_km[:, 0].reshape(-1, 2) * POINTS_PER_KM, charge], axis=1)


def _precision(sums_kwh: Floats) -> Floats:
    """Inverse of the covariance of sums, shape [F, F]."""
    off_kwh = sums_kwh - sums_kwh.mean(axis=0)
    covariance = off_kwh.T @ off_kwh / max(len(off_kwh) - 1, 1)
    alone = np.diag(np.diag(covariance) + LEAST_KWH**2)
    precision: Floats = np.linalg.inv((1.0 - SHRINKAGE) * covariance + SHRINKAGE * alone)
    return precision


def _log_ratio(meant_kwh: Floats, surprise_kwh: Floats, precision: Floats) -> Floats:
    """How much likelier sums are with a vehicle than without it, as a logarithm; shape [E, I]."""
    weighted = meant_kwh @ precision
    ratio: Floats = np.einsum("eif,ef->ei", weighted, surprise_kwh) - 0.5 * (weighted * meant_kwh).sum(axis=-1)
    return ratio


def _area(members: Floats, strangers: Floats) -> Floats:
    """Share of pairs in which the member has more, equals counted half, shape [E] of [E, I] each."""
    count = members.shape[1]
    ranks = rankdata(np.concatenate([members, strangers], axis=1), axis=1)[:, :count]
    area: Floats = (ranks.sum(axis=1) - count * (count + 1) / 2.0) / count**2
    return area
