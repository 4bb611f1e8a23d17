"""API v3 of the simulator: catalogues, products, collections and keys. Nothing of it is in the reference.

account.py    what the account has, and the settings of this part
checks.py     a body against the fields of its class → problems with reason codes
handlers.py   what each call does
answers.py    a request → its answer, with the key, the method and both forms of a failure
sorting.py    which products of a request are stored, refused, or refused later
webhook.py    posts later problems to the URL of the key
"""
