"""Declared formats applied to decoded values: findings, scopes and nested contents."""

from fallback.reading.declared.application import Applied, Declared, Scope, apply

__all__ = ["Applied", "Declared", "Scope", "apply"]
