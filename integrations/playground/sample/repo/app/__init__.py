"""Ledgerline: invoices for a small company."""
