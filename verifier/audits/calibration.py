"""Does τ say anything about the device that this run used? (PROTOCOL §4.4)

τ is what two honest answers may differ by, and that depends on the arithmetic: it is measured once
per device model, with the project's own examples (`verifier calibrate`). On another device a
deviation beyond it is no proof of a broken rule, and one within it none of a kept one. Must never
measure τ from the run that it is applied to.
"""

from __future__ import annotations

from verifier.policy import CPU, Policy
from verifier.records import Opening

CALIBRATE = "run `verifier calibrate` on this device and give a dated policy what it prints"


def uncalibrated(opening: Opening, policy: Policy) -> str:
    """Why the policy's τ says nothing about this run's device, or ""."""
    known, device = policy.replay.calibrated, device_of(opening, policy)
    if not device:
        return "uncalibrated: the run's GPU is not known by name"
    if known is None:
        return f"uncalibrated: what honest answers differ by on {device} was not measured"
    if known.device != device:
        return f"uncalibrated: the policy's τ was measured on {known.device}, this ran on {device}"
    return ""


def device_of(opening: Opening, policy: Policy) -> str:
    """What a calibration calls the device of this run's boxes; "" for a GPU without a name.

    GPUs of several models are named together, which no calibration is called.
    """
    return CPU if policy.hardware.gpus == 0 else opening.hardware.get("gpu", "")
