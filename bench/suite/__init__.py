"""Runs the questions, keeps what was measured, and writes it down."""
