"""What customers, vendors and products of the demo data refer to."""

from dataclasses import dataclass

from syncengine.sandbox.demo.rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    code: str
    name: str
    country: str
    currency: str
    language: str


USA = Company(code="usmf", name="Contoso Entertainment System USA", country="US", currency="USD", language="en-us")
GERMANY = Company(code="demf", name="Contoso Entertainment System Germany", country="DE", currency="EUR", language="de")
COMPANIES = (USA, GERMANY)

_CURRENCIES = {
    "AED": ("UAE dirham", "AED"),
    "AUD": ("Australian dollar", "AUD"),
    "BRL": ("Brazilian real", "BRL"),
    "CAD": ("Canadian dollar", "CAD"),
    "CHF": ("Swiss franc", "Fr"),
    "CLP": ("Chilean peso", "CLP"),
    "CNY": ("Chinese yuan", "CNY"),
    "CZK": ("Czech koruna", "CZK"),
    "DKK": ("Danish krone", "DKK"),
    "EUR": ("Euro", "€"),
    "GBP": ("Pound sterling", "£"),
    "HKD": ("Hong Kong dollar", "HKD"),
    "HUF": ("Hungarian forint", "HUF"),
    "IDR": ("Indonesian rupiah", "IDR"),
    "ILS": ("Israeli new shekel", "₪"),
    "INR": ("Indian rupee", "₹"),
    "JPY": ("Japanese yen", "¥"),
    "KRW": ("South Korean won", "₩"),
    "MXN": ("Mexican peso", "MXN"),
    "MYR": ("Malaysian ringgit", "MYR"),
    "NOK": ("Norwegian krone", "NOK"),
    "NZD": ("New Zealand dollar", "NZD"),
    "PLN": ("Polish zloty", "zł"),
    "SAR": ("Saudi riyal", "SAR"),
    "SEK": ("Swedish krona", "SEK"),
    "SGD": ("Singapore dollar", "SGD"),
    "THB": ("Thai baht", "THB"),
    "TRY": ("Turkish lira", "TRY"),
    "USD": ("US dollar", "$"),
    "ZAR": ("South African rand", "ZAR"),
}
# name, days, months, kind of payment, description in each language
_TERMS = (
    ("Net10", 10, 0, "Net", "Net 10 days", "10 Tage netto"),
    ("Net15", 15, 0, "Net", "Net 15 days", "15 Tage netto"),
    ("Net30", 30, 0, "Net", "Net 30 days", "30 Tage netto"),
    ("Net45", 45, 0, "Net", "Net 45 days", "45 Tage netto"),
    ("Net60", 60, 0, "Net", "Net 60 days", "60 Tage netto"),
    ("COD", 0, 0, "COD", "Cash on delivery", "Nachnahme"),
    ("EOM", 0, 1, "CurrentMth", "End of next month", "Ende des Folgemonats"),
    ("Card", 0, 0, "Net", "Credit card", "Kreditkarte"),
)
_CUSTOMER_GROUPS = (
    ("10", "Net30", "Retail stores", "Einzelhandel"),
    ("20", "Net15", "Online shops", "Onlinehandel"),
    ("30", "Net45", "Hotels and venues", "Hotels und Veranstalter"),
    ("40", "Card", "Individual customers", "Privatkunden"),
    ("80", "Net60", "Public institutions", "Öffentliche Einrichtungen"),
    ("90", "EOM", "Affiliated companies", "Verbundene Unternehmen"),
)
_VENDOR_GROUPS = (
    ("10", "Net30", "Parts", "Bauteile"),
    ("20", "Net15", "Freight", "Transport"),
    ("30", "Net10", "Services", "Dienstleistungen"),
    ("40", "Net60", "Everything else", "Sonstiges"),
)
# symbol, description, class, decimals, system of units; the base unit of its class is marked
_UNITS = (
    ("ea*", "Each", "Quantity", 0, "None"),
    ("pcs", "Pieces", "Quantity", 0, "None"),
    ("pr", "Pair", "Quantity", 0, "None"),
    ("dz", "Dozen", "Quantity", 0, "None"),
    ("set", "Set", "Quantity", 0, "None"),
    ("box", "Box", "Quantity", 0, "None"),
    ("pal", "Pallet", "Quantity", 0, "None"),
    ("m*", "Metre", "Length", 2, "Metric"),
    ("cm", "Centimetre", "Length", 1, "Metric"),
    ("ft", "Foot", "Length", 2, "US"),
    ("in", "Inch", "Length", 1, "US"),
    ("kg*", "Kilogram", "Mass", 3, "Metric"),
    ("g", "Gram", "Mass", 0, "Metric"),
    ("lb", "Pound", "Mass", 2, "US"),
    ("oz", "Ounce", "Mass", 1, "US"),
    ("l*", "Litre", "Volume", 2, "Metric"),
    ("gal", "Gallon", "Volume", 2, "US"),
    ("hr*", "Hour", "Time", 2, "None"),
    ("min", "Minute", "Time", 0, "None"),
    ("day", "Day", "Time", 1, "None"),
)
COLORS = ("Anthracite", "Black", "Blue", "Bronze", "Champagne", "Green", "Oak", "Red", "Silver", "Walnut", "White")
SIZES = ("XS", "S", "M", "L", "XL", "32", "43", "55", "65", "75")


def legal_entities() -> list[Row]:
    return [{"LEGALENTITYID": company.code, "NAME": company.name} for company in COMPANIES]


def currencies() -> list[Row]:
    return [{"CURRENCYCODE": code, "NAME": name, "SYMBOL": symbol} for code, (name, symbol) in _CURRENCIES.items()]


def payment_terms() -> list[Row]:
    return [
        {
            "dataAreaId": company.code,
            "NAME": name,
            "DESCRIPTION": described(company, english, german),
            "NUMBEROFDAYS": days,
            "NUMBEROFMONTHS": months,
            "CUTOFFDAYOFMONTH": 0,
            "PAYMENTMETHODTYPE": kind,
            "ISCASHPAYMENT": yes(kind == "COD"),
            "ISCERTIFIEDCOMPANYCHECK": "No",
            "ISDEFAULTPAYMENTTERM": yes(name == "Net30"),
            "CREDITCARDPAYMENTTYPE": "CreditCard" if name == "Card" else "NA",
            "CREDITCARDCREDITCHECKTYPE": "Normal",
        }
        for company in COMPANIES
        for name, days, months, kind, english, german in _TERMS
    ]


def customer_groups() -> list[Row]:
    return [
        {
            "dataAreaId": company.code,
            "CUSTOMERGROUPID": group,
            "DESCRIPTION": described(company, english, german),
            "PAYMENTTERMID": term,
            "CLEARINGPERIODPAYMENTTERMNAME": "EOM" if group == "80" else "",
            "ISSALESTAXINCLUDEDINPRICE": yes(group == "40" and company is GERMANY),
        }
        for company in COMPANIES
        for group, term, english, german in _CUSTOMER_GROUPS
    ]


def vendor_groups() -> list[Row]:
    return [
        {
            "dataAreaId": company.code,
            "VENDORGROUPID": group,
            "DESCRIPTION": described(company, english, german),
            "DEFAULTPAYMENTTERMNAME": term,
            "CLEARINGPERIODPAYMENTTERMNAME": "EOM" if group == "20" else "",
        }
        for company in COMPANIES
        for group, term, english, german in _VENDOR_GROUPS
    ]


def units() -> list[Row]:
    return [
        {
            "UNITSYMBOL": symbol.rstrip("*"),
            "UNITDESCRIPTION": description,
            "UNITCLASS": unit_class,
            "DECIMALPRECISION": decimals,
            "ISBASEUNIT": yes(symbol.endswith("*")),
            "ISSYSTEMUNIT": yes(symbol.endswith("*")),
            "SYSTEMOFUNITS": system,
        }
        for symbol, description, unit_class, decimals, system in _UNITS
    ]


def colors() -> list[Row]:
    return [{"COLORID": color} for color in COLORS]


def sizes() -> list[Row]:
    return [{"SIZEID": size} for size in SIZES]


def described(company: Company, english: str, german: str) -> str:
    return german if company is GERMANY else english


def yes(is_so: bool) -> str:
    return "Yes" if is_so else "No"
