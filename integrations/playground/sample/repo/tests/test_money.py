import unittest
from decimal import Decimal

from app import money


class ParseTest(unittest.TestCase):
    def test_parse_takes_thousands_separators(self):
        self.assertEqual(money.parse("1,250.00"), Decimal("1250.00"))

    def test_parse_refuses_words(self):
        with self.assertRaises(ValueError):
            money.parse("a lot")


class ShowTest(unittest.TestCase):
    def test_show_groups_thousands(self):
        self.assertEqual(money.show(Decimal("1250")), "1,250.00")

    def test_show_has_two_places(self):
        self.assertEqual(money.show(Decimal("3.5")), "3.50")


class TaxTest(unittest.TestCase):
    def test_tax_rounds_half_up(self):
        self.assertEqual(money.tax_on(Decimal("10.05"), Decimal(10)), Decimal("1.01"))


if __name__ == "__main__":
    unittest.main()
