"""How messages leave: each module speaks to one kind of server, and knows no delivery's state.

A sender returns what the server calls the message, or raises what `errors` has.
"""
