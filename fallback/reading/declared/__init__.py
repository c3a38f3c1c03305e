"""Declared formats applied to decoded values: findings, scopes and contents to be read on."""

from fallback.reading.declared.application import Applied, Declared, Scope, apply

__all__ = ["Applied", "Declared", "Scope", "apply"]
