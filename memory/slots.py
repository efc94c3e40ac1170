"""Slots: what a fact can be about, and which of them hold one value.

A slot's name is stored with the record. Where a slot holds one value, a newer one takes the
place of the older; where it holds many they stand side by side, and only a correction that is
said to be one takes a value back.

Values have a form that compares: codes in capitals, phone numbers as E.164, e-mail addresses in
small letters, dates as ISO 8601, amounts as "12.50 EUR". What is free text is kept as it was
said. The value of a record that takes something back without a new one ("not my e-mail any
more", "it works now") is None.
"""

from __future__ import annotations

ONE = {
    "name": "Name",
    "email": "E-mail",
    "phone": "Phone",
    "address": "Address",
}
MANY = {
    "order_number": "Order number",
    "invoice_number": "Invoice number",
    "ticket_number": "Ticket number",  # also of a case, a reference, a booking
    "tracking_number": "Tracking number",
    "date": "Date",
    "amount": "Amount",
    "product": "Product",
    "preference": "Preference",
    "problem": "Problem",  # that is open; solved, it is superseded
    "promise": "Promise",  # of the agent; valid_to is the end of the day by which it is due
}
SLOTS = {**ONE, **MANY}  # each with its label in a record's text
FREE = frozenset({"preference", "problem", "promise"})  # in the speaker's own words
