"""What is stored, and in which columns. Append only: old databases are opened by new versions."""

RELATIONS = {
    "parties": (
        "id INTEGER PRIMARY KEY",
        "name TEXT NOT NULL UNIQUE",
        "email TEXT NOT NULL",
        "vat_number TEXT NOT NULL DEFAULT ''",
        "city TEXT NOT NULL DEFAULT ''",
    ),
    "invoices": (
        "id INTEGER PRIMARY KEY",
        "number TEXT NOT NULL UNIQUE",
        "party_id INTEGER NOT NULL REFERENCES parties (id)",
        "issued TEXT NOT NULL",
        "due TEXT NOT NULL",
        "tax_rate TEXT NOT NULL",
        "paid_on TEXT",
    ),
    "invoice_lines": (
        "id INTEGER PRIMARY KEY",
        "invoice_id INTEGER NOT NULL REFERENCES invoices (id)",
        "text TEXT NOT NULL",
        "quantity TEXT NOT NULL",
        "unit_price TEXT NOT NULL",
    ),
}
