"""Envoy's external processing (`envoy.service.ext_proc.v3`) over gRPC."""

from service.extproc.server import serving

__all__ = ["serving"]
