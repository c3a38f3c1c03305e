"""Literals of programming languages as plain values."""
