"""The engine: one chain's consensus driver, fed from peers and timers, its effects performed."""

from gtxnode.engine.engine import Engine
from gtxnode.engine.ports import Application, Observer, Pace
from gtxnode.engine.voice import SignedElsewhere, Voice

__all__ = ["Application", "Engine", "Observer", "Pace", "SignedElsewhere", "Voice"]
