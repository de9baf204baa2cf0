import unittest

from app import customers, db


class CustomersTest(unittest.TestCase):
    def setUp(self):
        self.db = db.connect()
        self.addCleanup(self.db.close)
        customers.add(self.db, "Northwind Logistics", "accounts@northwind.example", city="Leeds")
        customers.add(self.db, "Harbour Books", "post@harbourbooks.example", city="Bristol")

    def test_search_finds_part_of_a_name(self):
        self.assertEqual([one.name for one in customers.search(self.db, "North")], ["Northwind Logistics"])

    def test_search_finds_a_city(self):
        self.assertEqual([one.name for one in customers.search(self.db, "Bristol")], ["Harbour Books"])

    def test_an_empty_search_lists_everybody_by_name(self):
        self.assertEqual(
            [one.name for one in customers.search(self.db, "")], ["Harbour Books", "Northwind Logistics"]
        )

    def test_a_name_is_taken_once(self):
        with self.assertRaisesRegex(ValueError, "already"):
            customers.add(self.db, "Harbour Books", "other@harbourbooks.example")
