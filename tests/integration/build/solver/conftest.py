"""An engine for whole builds."""

from build_bed import build_bed

__all__ = ["build_bed"]
