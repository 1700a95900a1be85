"""Guests to draw from: names of many places, addresses and numbers that reach nobody.

Addresses are of the domains that RFC 2606 reserves. Numbers are of the ranges
that regulators keep for fiction: 555-01xx (NANPA), 020 7946 0xxx (Ofcom),
030 23125 xxx (Bundesnetzagentur), 01 99 00 xx xx (Arcep), 08-465 004 xx (PTS),
02 5550 xxxx (ACMA). Where there is no such range, people give only an address.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from bookings.guests import GuestDetails


@dataclass(frozen=True, slots=True)
class Culture:
    locale: str
    given_names: tuple[str, ...]
    family_names: tuple[str, ...]
    phone: str = ""
    """A pattern whose # become digits."""


CULTURES = {
    "danish": Culture(
        "da",
        ("Mads", "Sofie", "Emil", "Karen", "Rasmus", "Astrid", "Søren", "Ida", "Malthe", "Signe"),
        ("Nørgaard", "Thomsen", "Kjær", "Holm", "Friis", "Bruun", "Dahl", "Winther", "Lauridsen"),
    ),
    "swedish": Culture(
        "sv",
        ("Elsa", "Viktor", "Linnéa", "Axel", "Maja", "Oskar", "Wilma", "Gustav"),
        ("Bergström", "Ekdahl", "Nyberg", "Sandberg", "Åkesson", "Hedlund", "Wallin"),
        "+46 8 465 004 ##",
    ),
    "german": Culture(
        "de",
        ("Lena", "Jürgen", "Katharina", "Felix", "Anke", "Moritz", "Birgit", "Jannik"),
        ("Brandt", "Köhler", "Vogel", "Schreiber", "Weiß", "Lorenz", "Hartmann"),
        "+49 30 23125 ###",
    ),
    "british": Culture(
        "en-GB",
        ("Oliver", "Priya", "Gareth", "Charlotte", "Callum", "Yasmin", "Rhys", "Imogen"),
        ("Ashworth", "Patel", "Llewellyn", "Okonkwo", "Fairclough", "Begum", "Sinclair"),
        "+44 20 7946 0###",
    ),
    "french": Culture(
        "fr",
        ("Camille", "Théo", "Amélie", "Bastien", "Inès", "Hugo", "Maëlle", "Youssef"),
        ("Lefèvre", "Moreau", "Garnier", "Benali", "Rousseau", "Chevalier", "Marchand"),
        "+33 1 99 00 ## ##",
    ),
    "american": Culture(
        "en-US",
        ("Denise", "Tyrone", "Hannah", "Miguel", "Rachel", "Derek", "Aaliyah", "Scott", "Joanna"),
        ("Kowalski", "Washington", "Rivera", "Feldman", "McAllister", "Nguyen", "Brooks", "Ortiz"),
        "+1 212 555 01##",
    ),
    "latin": Culture(
        "es",
        ("Valentina", "Diego", "Ximena", "Joaquín", "Camila", "Andrés", "Beatriz", "Rafael"),
        ("Castañeda", "Peña", "Villalobos", "Ibáñez", "Quispe", "Fuentes", "Montoya"),
        "+1 646 555 01##",
    ),
    "gulf": Culture(
        "ar",
        ("Fatima", "Khalid", "Noura", "Saif", "Layla", "Hamdan", "Mariam", "Tariq"),
        ("Al Suwaidi", "Al Marri", "Al Falasi", "Mansour", "Nasser", "Darwish", "Saleh"),
    ),
    "indian": Culture(
        "en-IN",
        ("Ananya", "Rohan", "Meera", "Arjun", "Kavya", "Vikram", "Deepa", "Nikhil"),
        ("Iyer", "Deshpande", "Chatterjee", "Menon", "Kapoor", "Reddy", "Bhatt"),
        "+44 20 7946 0###",
    ),
    "japanese": Culture(
        "ja",
        ("Haruto", "Yui", "Kenji", "Sakura", "Daichi", "Misaki", "Takumi", "Ayumi", "Shinji"),
        ("Tanabe", "Okamoto", "Shimizu", "Hayashi", "Kuroda", "Miyazaki", "Nakagawa", "Ueno"),
    ),
    "australian": Culture(
        "en-AU",
        ("Lachlan", "Matilda", "Angus", "Tahlia", "Declan", "Georgie", "Nathan"),
        ("Fitzgerald", "Doyle", "Papadopoulos", "Tran", "Hargreaves", "Kelly"),
        "+61 2 5550 ####",
    ),
}

# The share of guests who gave one of the two alone.
_ONLY_PHONE, _ONLY_EMAIL = 0.15, 0.2
_DOMAINS = ("example.com", "example.org", "example.net")
# Letters that no decomposition takes apart.
_PLAIN = str.maketrans({"ø": "oe", "æ": "ae", "ß": "ss", "ı": "i", "ł": "l", "đ": "d"})


def draw_person(random: Random, cultures: Mapping[str, int]) -> GuestDetails:
    """Somebody of one of the cultures, which are given with their weights.

    The same name is the same person: its address and number follow from it.
    """
    (key,) = random.choices(list(cultures), list(cultures.values()))
    culture = CULTURES[key]
    name = f"{random.choice(culture.given_names)} {random.choice(culture.family_names)}"
    own = Random(name)  # noqa: S311
    email = f"{_plain(name)}@{own.choice(_DOMAINS)}"
    phone = "".join(str(own.randrange(10)) if sign == "#" else sign for sign in culture.phone)
    if phone and own.random() < _ONLY_PHONE:
        # Booked over the telephone, and gave no address.
        email = ""
    elif own.random() < _ONLY_EMAIL:
        phone = ""
    return GuestDetails(name=name, email=email, phone=phone, locale=culture.locale)


def _plain(name: str) -> str:
    """A name as the part of an address before the @."""
    text = unicodedata.normalize("NFKD", name.lower().translate(_PLAIN))
    return "".join(sign for sign in text if not unicodedata.combining(sign)).replace(" ", ".")
