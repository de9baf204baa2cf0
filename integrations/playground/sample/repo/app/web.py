"""The web application: routes to pages (WSGI, no framework)."""

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import parse_qs

from app import customers, invoices, pages, reminders
from app.money import show

STATIC = Path(__file__).parent.parent / "static"


@dataclass(frozen=True)
class Response:
    body: str
    status: str = "200 OK"
    content_type: str = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


class Application:
    """Serves one database.

    Parameters:
        db: an open connection.
        today: the date that counts as today; a test owns it.
    """

    def __init__(self, db: sqlite3.Connection, today: Callable[[], date] = date.today) -> None:
        self.db = db
        self.today = today
        self.routes: dict[str, Callable[[dict[str, str]], Response]] = {
            "/": self.invoice_list,
            "/invoice": self.invoice_page,
            "/customers": self.customer_list,
            "/static/ledger.css": self.stylesheet,
        }

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        query = {key: values[0] for key, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        handler = self.routes.get(environ.get("PATH_INFO") or "/")
        try:
            response = handler(query) if handler else not_found("There is no such page.")
        except LookupError as missing:
            response = not_found(str(missing))
        data = response.body.encode()
        headers = [("Content-Type", response.content_type), ("Content-Length", str(len(data))), *response.headers]
        start_response(response.status, headers)
        return [data]

    def invoice_list(self, query: dict[str, str]) -> Response:
        rows = []
        for invoice in invoices.listing(self.db):
            rows.append(
                pages.fragment(
                    "invoice_row.html",
                    id=invoice.id,
                    number=invoice.number,
                    customer=invoice.customer,
                    issued=invoice.issued.isoformat(),
                    due=invoice.due.isoformat(),
                    total=show(invoice.totals.total),
                    status=reminders.status(invoice, self.today()),
                )
            )
        late = len(reminders.overdue(self.db, self.today()))
        return Response(pages.render("invoices.html", "Invoices", rows, late=late))

    def invoice_page(self, query: dict[str, str]) -> Response:
        invoice = invoices.get(self.db, int(query.get("id", "0")))
        rows = [
            pages.fragment(
                "line_row.html",
                text=line.text,
                quantity=line.quantity,
                unit_price=show(line.unit_price),
                net=show(line.net),
            )
            for line in invoice.lines
        ]
        page = pages.render(
            "invoice.html",
            f"Invoice {invoice.number}",
            rows,
            number=invoice.number,
            customer=invoice.customer,
            issued=invoice.issued.isoformat(),
            due=invoice.due.isoformat(),
            status=reminders.status(invoice, self.today()),
            net=show(invoice.totals.net),
            rate=invoice.tax_rate,
            tax=show(invoice.totals.tax),
            total=show(invoice.totals.total),
        )
        return Response(page)

    def customer_list(self, query: dict[str, str]) -> Response:
        text = query.get("q", "")
        rows = [
            pages.fragment("customer_row.html", name=one.name, email=one.email, city=one.city, vat=one.vat_number)
            for one in customers.search(self.db, text)
        ]
        return Response(pages.render("customers.html", "Customers", rows, q=text, found=len(rows)))

    def stylesheet(self, query: dict[str, str]) -> Response:
        return Response((STATIC / "ledger.css").read_text(encoding="utf-8"), content_type="text/css; charset=utf-8")


def not_found(why: str) -> Response:
    return Response(pages.render("not_found.html", "Not found", why=why), status="404 Not Found")
